"""Compiled walks speak for an estimator only while its own rows agree with theirs."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
import torch
from torch import Tensor

from gradverify.estimators import (
    ConditionalTriple,
    ConditionalTripleControlVariate,
    Estimator,
    FittedBaseline,
    LeaveOneOut,
    Program,
    ScoreFunction,
    StochasticTriple,
)
from gradverify.estimators.fused import Fused, fuse
from gradverify.verification import verify
from gradverify.verification.checks.compiled import check_compiled
from gradverify.verification.problems import find_problems
from gradverify.verification.record.record import Cell

pytest.importorskip("numba")

(SHORT,) = find_problems(["random_walk:10/square/p"], quick=False)
ALPHA = 1e-6


def seeded(number: int) -> torch.Generator:
    return torch.Generator().manual_seed(number)


@dataclass(frozen=True)
class Changed:
    """The score function's rows, stretched about a constant and moved."""

    factor: float = 1.0
    shift: float = 0.0

    def __call__(self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
        rows = ScoreFunction()(program, params, num_samples, generator)
        return 2.764886 + self.factor * (rows - 2.764886) + self.shift


@pytest.mark.parametrize(
    ("own", "differs"),
    [
        (Changed(), ""),
        (Changed(shift=1.5), "mean"),
        (Changed(factor=1.3), "variance"),
        (Changed(factor=0.0), "variance"),
        (Changed(shift=float("nan")), "mean"),
    ],
    ids=str,
)
def test_a_difference_is_named(own: Estimator, differs: str) -> None:
    """False-fail rate 1e-6; the shift is 0.2 of a row's standard deviation, 13 standard errors of the difference of means."""
    found = check_compiled(own, ScoreFunction(), SHORT, seeded, ALPHA)
    assert found.outcome == ("failed" if differs else "pass")
    assert differs in found.note
    assert ("compiled walk" in found.note) is True


def test_two_constants_are_compared_as_they_are() -> None:
    def constant(value: float) -> Estimator:
        return lambda program, params, num_samples, generator: torch.full((num_samples,), value)  # type: ignore[return-value]

    assert check_compiled(constant(2.0), constant(2.0), SHORT, seeded, ALPHA).outcome == "pass"
    assert check_compiled(constant(2.0), constant(2.001), SHORT, seeded, ALPHA).outcome == "failed"


def compiled_cell() -> Cell:
    """Return a cell that is worth a compiled walk: its steps times the profile's rows come to 1e8."""
    return verify("stochastic_triple", "random_walk:40/square/p", profile="standard", tolerance=0.2).cells[-1]


def test_a_bug_in_an_estimators_own_code_shows_where_a_walk_stands_in_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    sound = StochasticTriple.__call__
    monkeypatch.setattr(StochasticTriple, "__call__", lambda *arguments: 2 * sound(*arguments))
    cell = compiled_cell()
    bias = cell.find("bias")
    assert bias is not None
    assert (cell.status, bias.outcome, bias.claim) == ("failed", "failed", "refuted")
    assert "compiled walk differ in their mean and variance" in bias.note


def test_the_record_says_what_drew_the_rows() -> None:
    cell = compiled_cell()
    conformance = cell.find("conformance")
    assert conformance is not None
    assert conformance.outcome == "pass"
    assert "16384 of the estimator's own rows agree with it, 4096 of them row by row" in conformance.note


OWN = [
    ScoreFunction(),
    FittedBaseline(baseline=3.0),
    LeaveOneOut(4),
    StochasticTriple(),
    ConditionalTriple(),
    ConditionalTripleControlVariate(0.3, 0.4),
]


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
@pytest.mark.parametrize("own", OWN, ids=lambda each: type(each).__name__)
def test_walks_agree_with_their_estimators_row_by_row(own: Estimator, dtype: torch.dtype) -> None:
    """False-fail rate 1e-6, for the statistics and for the rows that rounding parts: nothing else parts them."""
    (found_problem,) = find_problems(["random_walk:15/square/p"], quick=False)
    problem = replace(found_problem, params=found_problem.params.to(dtype))
    compiled = fuse(own, problem.program, problem.params)
    assert isinstance(compiled, Fused)
    found = check_compiled(own, compiled, problem, seeded, ALPHA)
    assert found.outcome == "pass"
    assert "row by row" in found.note


def test_categories_are_compared_by_their_statistics() -> None:
    """A uniform that draws a bit's one draws the first of two categories: rows of the same uniforms are others."""
    (problem,) = find_problems(["random_walk_categorical:10/square/p"], quick=False)
    found = check_compiled(ScoreFunction(), fuse(ScoreFunction(), problem.program, problem.params), problem, seeded, ALPHA)
    assert found.outcome == "pass"
    assert "row by row" not in found.note


@dataclass(frozen=True)
class Subtle:
    """An estimator of which every hundredth row, or a millionth of every row, is wrong."""

    inner: Estimator
    fault: str

    def __call__(self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
        rows = self.inner(program, params, num_samples, generator)
        if self.fault == "scale":
            return rows * (1 + 1e-6)
        return torch.where(torch.arange(num_samples) % 100 == 0, 1.5 * rows, rows)


@pytest.mark.parametrize("fault", ["scale", "some"])
@pytest.mark.parametrize("inner", OWN, ids=lambda each: type(each).__name__)
def test_a_mistake_far_below_the_noise_is_found(inner: Estimator, fault: str) -> None:
    """Biases of 1e-6 and 5e-3 of the gradient; the means alone show a tenth of a row's standard deviation."""
    found = check_compiled(Subtle(inner, fault), fuse(inner, SHORT.program, SHORT.params), SHORT, seeded, ALPHA)
    assert (found.outcome, found.reason) == ("failed", "compiled walk differs")
    assert "of 4096 of the estimator's own rows are not those of its walk's tables" in found.note

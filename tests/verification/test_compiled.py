"""Compiled walks speak for an estimator only while its own rows agree with theirs."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from gradverify.estimators import Estimator, Program, ScoreFunction, StochasticTriple
from gradverify.verification import verify
from gradverify.verification.compiled import check_compiled
from gradverify.verification.problems import find_problems

pytest.importorskip("numba")

(SHORT,) = find_problems(["random_walk:10/square/p"], quick=False)
LONG = "random_walk:400/square/p"
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


def test_a_bug_in_an_estimators_own_code_shows_where_a_walk_stands_in_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    sound = StochasticTriple.__call__
    monkeypatch.setattr(StochasticTriple, "__call__", lambda *arguments: 2 * sound(*arguments))
    cell = verify("stochastic_triple", LONG).cells[-1]
    bias = cell.find("bias")
    assert bias is not None
    assert (cell.status, bias.outcome, bias.claim) == ("failed", "failed", "refuted")
    assert "compiled walk differ in their mean and variance" in bias.note


def test_the_record_says_what_drew_the_rows() -> None:
    cell = verify("stochastic_triple", LONG).cells[-1]
    conformance = cell.find("conformance")
    assert conformance is not None
    assert conformance.outcome == "pass"
    assert "16384 rows of the estimator's own agree" in conformance.note

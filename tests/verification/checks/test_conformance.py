"""Conformance: every named failure on an estimator that has it, and a pass on those that have none."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import torch

from gradverify.estimators import ESTIMATORS, Estimator, Program, ScoreFunction
from gradverify.estimators.protocol import NotApplicableError
from gradverify.verification.checks.conformance import applicability, check_conformance
from gradverify.verification.problems import Problem, probe, registered_problems

from ..targets import wrong

PROBLEMS = [registered_problems()[name] for name in ("bernoulli:0.3/cubic/p", "bits:3/cubic/logits", "random_walk:10/square/p")]


def seeded(number: int) -> torch.Generator:
    return torch.Generator().manual_seed(1000 + number)


def not_repeated(rows_seen: list[int]) -> Estimator:
    """Rows that grow from call to call."""

    def estimate(program: object, params: torch.Tensor, num_samples: int, generator: torch.Generator) -> torch.Tensor:
        rows_seen.append(num_samples)
        return torch.full((num_samples, *params.shape), float(len(rows_seen)), dtype=params.dtype)

    return estimate  # type: ignore[return-value]


class AlwaysNan:
    def __call__(self, program: object, params: torch.Tensor, num_samples: int, generator: torch.Generator) -> torch.Tensor:
        return torch.full((num_samples, *params.shape), math.nan, dtype=params.dtype)


@dataclass(frozen=True)
class Noisy:
    """Sound rows plus what is made of a draw, to no effect where that is finite."""

    made_of: Callable[[torch.Generator], torch.Tensor]

    def __call__(self, program: Program, params: torch.Tensor, num_samples: int, generator: torch.Generator) -> torch.Tensor:
        rows = wrong.SOUND(program, params, num_samples, generator)
        return rows + 0 * self.made_of(generator).reshape(num_samples, *(1 for _ in params.shape))


class ReturnsNumber:
    def __call__(self, program: object, params: torch.Tensor, num_samples: int, generator: torch.Generator) -> float:
        return 1.0


class OneDrawForAll:
    def __call__(self, program: object, params: torch.Tensor, num_samples: int, generator: torch.Generator) -> torch.Tensor:
        return torch.randn((), generator=generator, dtype=params.dtype).expand(num_samples, *params.shape).clone()


@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda each: each.name)
@pytest.mark.parametrize(
    ("estimator", "outcome", "reason", "said"),
    [
        (OneDrawForAll(), "failed", "dependent rows", "one draw serves all rows"),
        (wrong.WrongShape(), "failed", "shape", "for 64 samples; expected (64"),
        (ReturnsNumber(), "failed", "shape", "returned float"),
        (wrong.SinglePrecision(), "failed", "dtype or device", "returned torch.float32 on cpu; expected torch.float64 on cpu"),
        (wrong.Attached(), "failed", "attached", "return them detached"),
        (AlwaysNan(), "failed", "not finite", "64 of 64 rows hold NaN or infinity"),
        (wrong.GlobalRandomness(), "failed", "global random state", "draw only from the given generator"),
        (wrong.CoupledRows(), "failed", "rows not isolated", "others; rows must be independent replicates"),
        (wrong.Detached(), "no-gradient", "no gradient path", "its torch.float64 output carries none"),
        (wrong.raising(NotApplicableError("not for walks")), "not-applicable", "refused", "not for walks"),
        (wrong.SOUND, "pass", "", ""),
        (wrong.Scaled(1.05), "pass", "", ""),
        (wrong.Zeros(), "pass", "", "isolation was not tested"),
    ],
    ids=lambda each: type(each).__name__ if callable(each) else None,
)
def test_every_failure_has_its_name(problem: Problem, estimator: Estimator, outcome: str, reason: str, said: str) -> None:
    finding = check_conformance(estimator, problem, seeded)
    assert (finding.outcome, finding.reason) == (outcome, reason)
    assert said in finding.note
    assert "\n" not in finding.note


def relaxed(generator: torch.Generator) -> torch.Tensor:
    """Gumbel noise with a bare logarithm: one zero in a row of three gives a probability of 0; two give NaN."""
    uniform = torch.rand(64, 3, generator=generator)
    return torch.softmax((1 - (-uniform.log()).log()) / 0.5, -1).sum(-1)


def johnk(generator: torch.Generator) -> torch.Tensor:
    first, second = torch.rand(64, generator=generator), torch.rand(64, generator=generator)
    return first / (first + second)


def johnk_of_one_draw(generator: torch.Generator) -> torch.Tensor:
    first, second = torch.rand(128, generator=generator).chunk(2)
    return first / (first + second)


def johnk_row_by_row(generator: torch.Generator) -> torch.Tensor:
    first, second = torch.stack([torch.rand(2, generator=generator) for _ in range(64)]).unbind(1)
    return first / (first + second)


@pytest.mark.parametrize(
    ("made_of", "bad"),
    [
        (lambda generator: torch.rand(64, generator=generator).log(), True),
        (lambda generator: torch.rand(64, generator=generator).clamp(min=2**-25).log(), False),
        (lambda generator: 1 / (1 - 2**-24 - torch.rand(64, generator=generator)), True),
        (lambda generator: -(-torch.rand(64, generator=generator).log()).log(), True),
        (lambda generator: -torch.empty(64).exponential_(generator=generator).log(), False),
        (lambda generator: 1 / torch.expm1(-torch.empty(64).exponential_(generator=generator)), False),
        (lambda generator: torch.log1p(-(-torch.empty(64).exponential_(generator=generator)).exp()), False),
        (lambda generator: (torch.empty(64).exponential_(generator=generator) - 16).clamp(min=0).mul(200).exp(), True),
        (lambda generator: torch.rand(128, generator=generator).log().reshape(64, 2).sum(1), True),
        (lambda generator: torch.stack([torch.rand(64, generator=generator) for _ in range(6)]).log().sum(0), True),
        (lambda generator: 1 / (1 - torch.rand(64, dtype=torch.bfloat16, generator=generator)).float(), False),
        (lambda generator: 1 / (2 - torch.empty(64).uniform_(1, 2, generator=generator)), False),
        (relaxed, False),
        (johnk, False),
        (johnk_of_one_draw, False),
        (johnk_row_by_row, False),
    ],
    ids=[
        *("log u", "clamped", "1 / (1 - u)", "Gumbel", "exponential Gumbel", "1 / u", "log (1 - u)", "exp", "two of one draw"),
        *("six draws", "bfloat16", "up to 2", "softmax", "Johnk", "Johnk of one draw", "Johnk row by row"),
    ],
)
def test_what_overflows_at_the_ends_of_noise_is_named_whatever_the_budget(made_of: Any, bad: bool) -> None:
    """None of these shows in the 64 rows of a seed: the likeliest is met once in 5e5 rows, two zeros in a row once in 3e14."""
    assert torch.isfinite(Noisy(made_of)(PROBLEMS[0].program, PROBLEMS[0].params, 64, seeded(0))).all()
    finding = check_conformance(Noisy(made_of), PROBLEMS[0], seeded)
    assert (finding.outcome, finding.reason) == (("failed", "not finite") if bad else ("pass", ""))
    assert ("of 128 rows hold NaN or infinity where one uniform of a row is 0, 2^-24 or 1 - 2^-24" in finding.note) is bad


def test_what_refuses_the_ends_of_noise_is_no_finding() -> None:
    """Code that says that it takes no zero answers nothing wrong."""

    def positive(generator: torch.Generator) -> torch.Tensor:
        uniform = torch.rand(64, generator=generator)
        if bool((uniform <= 0).any()):
            raise ValueError("a uniform of zero")
        return uniform.log()

    assert check_conformance(Noisy(positive), PROBLEMS[0], seeded).outcome == "pass"


@dataclass(frozen=True)
class OneStream:
    """Noise of one stream for all calls, entered at a multiple of the call's seed."""

    stride: int

    def __call__(self, program: Program, params: torch.Tensor, num_samples: int, generator: torch.Generator) -> torch.Tensor:
        first = self.stride * (generator.initial_seed() - 1000)
        return ScoreFunction()(program, params, first + num_samples, torch.Generator().manual_seed(0))[first:]


@pytest.mark.parametrize(("stride", "found"), [(1, True), (8, True), (1000, False)])
def test_rows_that_are_the_next_seeds_moved_on_are_repeated(stride: int, found: bool) -> None:
    finding = check_conformance(OneStream(stride), PROBLEMS[1], seeded)
    assert (finding.outcome, finding.reason) == (("failed", "repeated rows") if found else ("pass", ""))
    assert (f"moved by {stride};" in finding.note) is found


def test_a_state_between_calls_is_not_reproducible() -> None:
    assert check_conformance(not_repeated([]), PROBLEMS[0], seeded).reason == "not reproducible"


def test_what_an_estimator_raises_otherwise_passes_through() -> None:
    with pytest.raises(KeyError):
        check_conformance(wrong.raising(KeyError("bits")), PROBLEMS[0], seeded)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_registered_estimators_pass_or_say_why_not(name: str) -> None:
    """Isolation is seen on one problem at least: a row that is almost always zero is insensitive to its objective."""
    here = [each for each in PROBLEMS if not applicability(ESTIMATORS[name], each, probe(each))]
    findings = [check_conformance(ESTIMATORS[name], each, seeded) for each in here]
    assert {each.outcome for each in findings} <= {"pass", "not-applicable"}, findings
    passed = [each for each in findings if each.outcome == "pass"]
    assert not passed or any("isolation was not tested" not in each.note for each in passed)


def test_isolation_of_a_markov_program_reaches_its_objective() -> None:
    """The loud row of a Markov program is loud for estimators that use its parts, too."""
    assert check_conformance(ESTIMATORS["stochastic_triple"], PROBLEMS[2], seeded).note == ""


def test_applicability_names_the_sites() -> None:
    one_hot = registered_problems()["categorical_one_hot:4/linear/logits"]
    said = applicability(ESTIMATORS["agent_torch_bernoulli"], one_hot, probe(one_hot))
    assert said == "it does not support OneHotCategorical sites"
    assert applicability(ESTIMATORS["score_function"], one_hot, probe(one_hot)) == ""


def test_applicability_keeps_relaxations_from_black_boxes() -> None:
    box = Problem(name="box", program=PROBLEMS[0].program, params=PROBLEMS[0].params, black_box=True)
    assert "black box" in applicability(ESTIMATORS["straight_through"], box, probe(box))
    assert applicability(ESTIMATORS["score_function"], box, probe(box)) == ""

"""Rare outcomes: forced to occur in an estimator's rows, to see what they carry, and to open the gate of a cell."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.distributions import Bernoulli, Categorical

from gradverify.estimators import ARSM, Estimator, LeaveOneOut, LocalExpectation, Program, Sample, ScoreFunction
from gradverify.verification import verify
from gradverify.verification.checks.influence import RareOutcome, find_rare_outcomes, forced_influence
from gradverify.verification.problems import Problem
from gradverify.verification.record.record import Check

LOGITS = torch.tensor([6.0, 0.0, -6.0, 1.0], dtype=torch.float64)
RAREST = float(LOGITS.softmax(0)[2])


def cubic(params: Tensor, sample: Sample) -> Tensor:
    return (sample(Categorical(logits=params, validate_args=False)).to(params) + 1) ** 3


SIX = Problem(name="six", program=cubic, params=LOGITS)
(RARE,) = find_rare_outcomes(SIX, 1e-4) or [RareOutcome(0, 0, 0, 1.0)]


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def bias_of(estimator: Estimator, problem: Problem = SIX, **options: Any) -> Check:
    bias = verify({"it": estimator}, problem, **options).cells[-1].find("bias")
    assert bias is not None
    return bias


def test_rare_outcomes_are_listed_with_their_place() -> None:
    assert RareOutcome(site=0, element=0, category=2, probability=pytest.approx(RAREST)) == RARE  # type: ignore[arg-type]
    assert find_rare_outcomes(SIX, 1e-6) == []


def test_a_program_whose_probabilities_depend_on_outcomes_keeps_its_gate() -> None:
    def chained(params: Tensor, sample: Sample) -> Tensor:
        first = sample(Bernoulli(logits=params))
        return sample(Bernoulli(logits=params * (2 * first - 1)))

    assert find_rare_outcomes(Problem(name="chained", program=chained, params=torch.tensor(0.3)), 1.0) is None


@pytest.mark.parametrize("runs", [1, 2])
def test_the_bound_covers_what_the_outcome_carries(runs: int) -> None:
    """The score function's part is ``p f(x) dlog p(x)``; with a baseline it is ``p (f(x) - E f) dlog p(x)``."""
    estimator = ScoreFunction() if runs == 1 else LeaveOneOut(group=2)
    influence = forced_influence(estimator, SIX, RARE, generator())
    assert influence is not None
    probs = LOGITS.softmax(0).numpy()
    objective = np.array([1.0, 8.0, 27.0, 64.0])
    score = np.eye(4)[2] - probs
    level = 0.0 if runs == 1 else float(probs @ objective)
    part = np.abs(RAREST * (objective[2] - level) * score)
    assert (influence.carried >= 0.99 * part).all()
    assert (influence.carried <= 1.5 * part + 1e-5).all()


def test_an_outcome_that_is_not_drawn_by_inversion_is_not_forced() -> None:
    assert forced_influence(ARSM(), SIX, RARE, generator()) is None


def test_an_estimator_that_goes_through_all_outcomes_shows_the_rare_one() -> None:
    assert forced_influence(LocalExpectation(), SIX, RARE, generator()) is not None


@pytest.mark.parametrize("estimator", [ScoreFunction(), LeaveOneOut()])
def test_an_outcome_that_carries_nothing_holds_up_no_cell(estimator: Estimator) -> None:
    """It carries 1e-3 of the gradient; before, the cell was closed without a row."""
    bias = bias_of(estimator)
    assert (bias.outcome, bias.claim) == ("unbiased", "supported")
    assert (
        bias.note == "an outcome of probability 6.1e-06 and more carry less than a tenth of the tolerance, as forced rows show"
    )


@dataclass(frozen=True)
class Changed(LeaveOneOut):
    """Leave-one-out pairs whose rows are changed."""

    change: Callable[[Tensor, Tensor], Tensor] = lambda rows, drawn: rows

    def __call__(self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
        seen: list[Tensor] = []

        def watched(params: Tensor, sample: Sample) -> Tensor:
            def keep(distribution: Any) -> Tensor:
                seen.append(sample(distribution))
                return seen[-1]

            return program(params, keep)

        rows = super().__call__(watched, params, num_samples, generator)
        return self.change(rows, (seen[0].reshape(num_samples, -1) == 2).any(1))


def test_a_bias_is_found_behind_an_opened_gate() -> None:
    bias = bias_of(Changed(change=lambda rows, drawn: 1.3 * rows))
    assert (bias.outcome, bias.claim) == ("biased", "refuted")


def test_an_outcome_that_carries_a_bias_keeps_the_gate_closed() -> None:
    """A weight 1 / p makes the rarest outcome matter: half the gradient is added where it occurs, and nowhere else."""
    unseen = Changed(change=lambda rows, drawn: rows + drawn[:, None] * 0.2 / (2 * RAREST))
    influence = forced_influence(unseen, SIX, RARE, generator())
    assert influence is not None
    assert (influence.carried > 0.19).all()
    bias = bias_of(unseen)
    assert (bias.outcome, bias.details["reason"], bias.num_samples) == ("inconclusive", "gate", 0)


def test_foreign_code_keeps_its_gate() -> None:
    def loss(log_prob: Tensor, cost: Tensor) -> Tensor:
        return (log_prob * cost.detach()).mean()

    bias = bias_of(loss)  # type: ignore[arg-type]
    assert (bias.outcome, bias.details["reason"]) == ("inconclusive", "gate")

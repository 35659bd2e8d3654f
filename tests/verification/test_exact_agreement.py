"""Exact mode decides what Monte Carlo must say: every registered estimator that both can judge, on small problems.

The Monte-Carlo run of a problem accuses a sound estimator with probability 1e-3 at most over all its cells, and calls one
unbiased that is off by more than its tolerance of a tenth with probability below one in twenty a cell; its seed is fixed. A
bias inside the tolerance may be seen or passed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
import torch
from torch import Tensor

from gradverify.estimators import ESTIMATORS, Estimator, Program, ScoreFunction
from gradverify.estimators.runs.branching import BranchSource
from gradverify.verification.plan import settle
from gradverify.verification.problems import find_problems
from gradverify.verification.record.record import Check, Record
from gradverify.verification.run.verification import Verification

PROBLEMS = ("bernoulli:0.3/cubic/p", "bits:2/cubic/logits", "categorical:3/cubic/logits")
ROWS = 60_000
TRAINING_STEPS = 25
ACCEPTED = 0.1
ROUNDING = 1e-9
LEAST_UNBIASED, LEAST_BIASED = 17, 9
"""Estimators that exact mode must judge on every problem; fewer would be a registry that slips through."""


def judge_both_ways(estimators: dict[str, Estimator], name: str) -> dict[str, tuple[Check, Check]]:
    """Return the bias checks of exact mode and of Monte Carlo, for every estimator that exact mode can judge on a problem."""
    settings = settle(alpha=1e-3, seed=3)
    settings = replace(settings, profile=replace(settings.profile, max_rows=ROWS))
    assert settings.profile.r_accept == ACCEPTED
    (problem,) = find_problems([name], quick=True)
    exact = _bias(Verification(dict(estimators), [problem], settings).execute_exactly())
    both = {name: estimators[name] for name, check in exact.items() if check.outcome != "not-applicable"}
    sampled = _bias(Verification(both, [problem], settings).execute())
    return {name: (exact[name], sampled[name]) for name in both}


def agree(exact: Check, sampled: Check) -> bool:
    """Whether a sampled verdict is what the exact bias asks for; one inside the tolerance may be seen, passed or left open."""
    if exact.outcome == "no-gradient":
        return sampled.outcome == "no-gradient"
    relative = exact.relative_error["estimate"] if exact.relative_error else 0.0
    if relative <= ROUNDING:
        return sampled.outcome == "unbiased"
    if relative <= ACCEPTED:
        return sampled.outcome in ("unbiased", "biased", "inconclusive")
    return sampled.outcome == "biased" and sampled.details.get("material") == "material"


def _bias(record: Record) -> dict[str, Check]:
    found = {each.estimator: each.find("bias") for each in record.cells if each.estimator != "references"}
    return {name: check for name, check in found.items() if check is not None}


@dataclass(frozen=True)
class _TwoFaced:
    """The score function, scaled when its outcomes are drawn, or when they are listed."""

    drawn: float
    listed: float

    def __call__(self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
        scale = self.listed if isinstance(generator, BranchSource) else self.drawn
        return scale * ScoreFunction()(program, params, num_samples, generator)


PLANTED: dict[str, Estimator] = {
    "wrong when drawn": _TwoFaced(1.2, 1.0),
    "wrong when listed": _TwoFaced(1.0, 1.2),
    "wrong both ways": _TwoFaced(1.2, 1.2),
}


@pytest.mark.parametrize("problem", PROBLEMS)
def test_monte_carlo_says_what_the_exact_bias_asks_for(problem: str) -> None:
    """Every registered estimator agrees, most of the registry is judged, and a disagreement of a fifth is caught.

    An estimator that is a fifth too large both ways agrees with itself.
    """
    quick = {name: replace(each, steps=TRAINING_STEPS) if hasattr(each, "steps") else each for name, each in ESTIMATORS.items()}
    cells = judge_both_ways({**quick, **PLANTED}, problem)  # type: ignore[dict-item]
    disagreements = {
        name: f"exact: {exact.outcome}, {exact.relative_error}; sampled: {sampled.outcome}, {sampled.relative_error}"
        for name, (exact, sampled) in cells.items()
        if not agree(exact, sampled)
    }
    assert set(disagreements) == {"wrong when drawn", "wrong when listed"}, disagreements
    assert "wrong both ways" in cells
    outcomes = [exact.outcome for name, (exact, _) in cells.items() if name in ESTIMATORS]
    assert outcomes.count("unbiased") >= LEAST_UNBIASED
    assert outcomes.count("biased") >= LEAST_BIASED

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


def judged(estimators: dict[str, Estimator]) -> dict[tuple[str, str], tuple[Check, Check]]:
    """The bias checks of exact mode and of Monte Carlo, for every cell that exact mode can judge."""
    settings = settle(alpha=1e-3, seed=3)
    settings = replace(settings, profile=replace(settings.profile, max_rows=ROWS))
    assert settings.profile.r_accept == ACCEPTED
    found = {}
    for problem in find_problems(PROBLEMS, quick=True):
        exact = _bias(Verification(dict(estimators), [problem], settings).execute_exactly())
        both = {name: estimators[name] for name, check in exact.items() if check.outcome != "not-applicable"}
        sampled = _bias(Verification(both, [problem], settings).execute())
        found |= {(name, problem.name): (exact[name], sampled[name]) for name in both}
    return found


def agree(exact: Check, sampled: Check) -> bool:
    """Whether a sampled verdict is what the exact bias asks for; one inside the tolerance may be seen, passed or left open."""
    if exact.outcome == "no-gradient":
        return sampled.outcome == "no-gradient"
    relative = abs(exact.relative or 0.0)
    if relative <= ROUNDING:
        return sampled.outcome == "unbiased"
    if relative <= ACCEPTED:
        return sampled.outcome in ("unbiased", "biased", "inconclusive")
    return sampled.outcome == "biased" and sampled.details.get("material") == "material"


def _bias(record: Record) -> dict[str, Check]:
    found = {each.estimator: each.find("bias") for each in record.cells if each.estimator != "references"}
    return {name: check for name, check in found.items() if check is not None}


@pytest.fixture(scope="module")
def cells() -> dict[tuple[str, str], tuple[Check, Check]]:
    quick = {name: replace(each, steps=TRAINING_STEPS) if hasattr(each, "steps") else each for name, each in ESTIMATORS.items()}
    return judged(quick)  # type: ignore[arg-type]


@pytest.mark.parametrize("problem", PROBLEMS)
@pytest.mark.parametrize("name", ESTIMATORS)
def test_monte_carlo_says_what_the_exact_bias_asks_for(
    name: str, problem: str, cells: dict[tuple[str, str], tuple[Check, Check]]
) -> None:
    if (name, problem) not in cells:
        pytest.skip("exact mode cannot list its draws, or it does not apply")
    exact, sampled = cells[name, problem]
    assert agree(exact, sampled), f"exact: {exact.outcome}, {exact.relative}; sampled: {sampled.outcome}, {sampled.relative}"


def test_most_of_the_registry_is_judged_both_ways(cells: dict[tuple[str, str], tuple[Check, Check]]) -> None:
    outcomes = [exact.outcome for exact, _ in cells.values()]
    assert outcomes.count("unbiased") >= 50
    assert outcomes.count("biased") >= 25


@dataclass(frozen=True)
class _TwoFaced:
    """The score function, scaled when its outcomes are drawn, or when they are listed."""

    drawn: float
    listed: float

    def __call__(self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
        scale = self.listed if isinstance(generator, BranchSource) else self.drawn
        return scale * ScoreFunction()(program, params, num_samples, generator)


def test_planted_disagreement_is_caught() -> None:
    """Right when listed and a fifth too large when drawn, the other way about, and wrong both ways, which is agreement."""
    planted: dict[str, Estimator] = {
        "drawn": _TwoFaced(1.2, 1.0),
        "listed": _TwoFaced(1.0, 1.2),
        "both": _TwoFaced(1.2, 1.2),
    }
    found = judged(planted)
    assert len(found) == 9
    for (name, _), pair in found.items():
        assert agree(*pair) == (name == "both")

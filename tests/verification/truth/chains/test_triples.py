"""The recursion of the pruned triple: dead weight, and planted bugs that the comparison with all outcomes finds."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from gradverify.estimators import MarkovProgram, StochasticTriple
from gradverify.verification.problems import Problem
from gradverify.verification.truth.chains import triples
from gradverify.verification.truth.chains.tabulate import tabulate
from gradverify.verification.truth.chains.triples import pruned_triple_moments
from gradverify.verification.truth.known_moments import known_moments

from .programs import PROBLEMS
from .test_moments import agree

DRIFTING = PROBLEMS["drifting"]


@pytest.mark.parametrize("name", PROBLEMS)
def test_dead_weight_is_the_triple_of_a_plain_program(name: str) -> None:
    """A plain program shows no states, so its triple cannot be dropped where they meet."""
    problem = PROBLEMS[name]
    program = problem.program
    assert isinstance(program, MarkovProgram)
    plain = Problem(name="plain", program=lambda params, sample: program(params, sample), params=problem.params)
    known = pruned_triple_moments(tabulate(program, problem.params), dead_weight=True)
    assert agree(known, StochasticTriple(), plain)


def test_a_planted_bug_of_independent_uniforms_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    def independent(left: np.ndarray, right: np.ndarray) -> np.ndarray:
        return left[:, :, None] * right[:, None, :]

    monkeypatch.setattr(triples, "couple_by_uniforms", independent)
    assert not agree(known_moments(StochasticTriple(), DRIFTING), StochasticTriple(), DRIFTING)


def test_a_planted_weight_that_does_not_grow_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    """B without the term r A: the fresh jump's rate is not added to what is carried."""
    right: Callable[..., triples._Step] = triples._Step.of

    def still(*arguments: object, **options: object) -> triples._Step:
        step = right(*arguments, **options)
        return triples._Step(step.carry, 0 * step.grow, step.alive, step.fresh, step.rate)

    monkeypatch.setattr(triples._Step, "of", still)
    assert not agree(known_moments(StochasticTriple(), DRIFTING), StochasticTriple(), DRIFTING)


def test_a_planted_dead_weight_that_is_kept_shows() -> None:
    chain = tabulate(DRIFTING.program, DRIFTING.params)  # type: ignore[arg-type]
    assert not agree(pruned_triple_moments(chain, dead_weight=True), StochasticTriple(), DRIFTING)

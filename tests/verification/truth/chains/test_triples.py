"""The pruned triple: the recursion against all outcomes of the estimator's own randomness."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.distributions import Bernoulli

from gradverify.estimators import (
    Estimator,
    MarkovProgram,
    ScoreFunction,
    StochasticTriple,
)
from gradverify.verification.problems import Problem
from gradverify.verification.truth.chains import triples
from gradverify.verification.truth.chains.chain import ChainError, ReplicateMoments
from gradverify.verification.truth.chains.tabulate import tabulate
from gradverify.verification.truth.chains.triples import pruned_triple_moments
from gradverify.verification.truth.known_moments import known_moments

from .programs import PROBLEMS, agree, differs, drifting


@pytest.mark.parametrize("name", PROBLEMS)
@pytest.mark.parametrize("estimator", [StochasticTriple()], ids=str)
def test_the_recursion_agrees_with_all_outcomes(name: str, estimator: Estimator) -> None:
    problem = PROBLEMS[name]
    assert agree(known_moments(estimator, problem), estimator, problem)


@pytest.mark.parametrize("estimator", [StochasticTriple()], ids=str)
def test_a_chain_that_does_not_depend_on_its_parameter_has_no_alternatives(estimator: Estimator) -> None:
    still = replace(drifting(2), site=lambda params, state, k: Bernoulli(0.4 + 0 * params))
    problem = Problem(name="still", program=still, params=torch.tensor(0.3, dtype=torch.float64))
    assert known_moments(estimator, problem) == ReplicateMoments(mean=0.0, variance=0.0)


@pytest.mark.parametrize("name", PROBLEMS)
def test_dead_weight_is_the_triple_of_a_plain_program(name: str) -> None:
    """A plain program shows no states, so its triple cannot be dropped where they meet."""
    problem = PROBLEMS[name]
    program = problem.program
    assert isinstance(program, MarkovProgram)
    plain = Problem(name="plain", program=lambda params, sample: program(params, sample), params=problem.params)
    known = pruned_triple_moments(tabulate(program, problem.params), dead_weight=True)
    assert agree(known, StochasticTriple(), plain)


def test_independent_uniforms(monkeypatch: pytest.MonkeyPatch) -> None:
    def independent(left: np.ndarray, right: np.ndarray) -> np.ndarray:
        return left[:, :, None] * right[:, None, :]

    monkeypatch.setattr(triples, "couple_by_uniforms", independent)
    assert differs(StochasticTriple())


def test_weight_that_does_not_grow(monkeypatch: pytest.MonkeyPatch) -> None:
    """B without the term r A: the fresh jump's rate is not added to what is carried."""
    right: Callable[..., triples._Step] = triples._Step.of

    def still(*arguments: object, **options: object) -> triples._Step:
        step = right(*arguments, **options)
        return triples._Step(step.carry, 0 * step.grow, step.alive, step.fresh, step.rate)

    monkeypatch.setattr(triples._Step, "of", still)
    assert differs(StochasticTriple())


def test_dead_weight_kept() -> None:
    problem = PROBLEMS["drifting"]
    chain = tabulate(problem.program, problem.params)  # type: ignore[arg-type]
    assert not agree(pruned_triple_moments(chain, dead_weight=True), StochasticTriple(), problem)


def test_vector_parameters_have_no_known_variance() -> None:
    def vector(params: Tensor, state: Tensor, k: int) -> torch.distributions.Bernoulli:
        return torch.distributions.Bernoulli(logits=params[:, 0] + params[:, 1] * state)

    program = MarkovProgram(
        1, lambda params: 0 * params[:, 0], vector, lambda state, value, k: state + value, torch.square, torch.arange(2.0)
    )
    problem = Problem(name="vector", program=program, params=torch.tensor([0.1, 0.2]))
    assert known_moments(ScoreFunction(), problem) is None
    with pytest.raises(ChainError, match="has 2 parameters"):
        pruned_triple_moments(tabulate(program, problem.params))

"""Conditional triples and flip-all: the recursion against all outcomes of the estimator's own randomness."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.distributions import Bernoulli

from gradverify.estimators import (
    ConditionalTriple,
    ConditionalTripleControlVariate,
    Estimator,
    FlipAll,
)
from gradverify.verification.problems import Problem
from gradverify.verification.truth.chains import alternatives, coupling
from gradverify.verification.truth.chains.chain import ReplicateMoments, Tables
from gradverify.verification.truth.known_moments import known_moments

from .programs import PROBLEMS, agree, differs, drifting


@pytest.mark.parametrize("name", PROBLEMS)
@pytest.mark.parametrize(
    "estimator",
    [
        ConditionalTriple(lanes=8),
        ConditionalTriple("upward", lanes=8),
        ConditionalTriple("downward", lanes=8),
        ConditionalTriple("leave_one_out", lanes=8),
        ConditionalTripleControlVariate(0.3, -0.4, lanes=8),
        FlipAll(),
    ],
    ids=str,
)
def test_the_recursion_agrees_with_all_outcomes(name: str, estimator: Estimator) -> None:
    problem = PROBLEMS[name]
    assert agree(known_moments(estimator, problem), estimator, problem)


@pytest.mark.parametrize("estimator", [ConditionalTriple(), FlipAll()], ids=str)
def test_a_chain_that_does_not_depend_on_its_parameter_has_no_alternatives(estimator: Estimator) -> None:
    still = replace(drifting(2), site=lambda params, state, k: Bernoulli(0.4 + 0 * params))
    problem = Problem(name="still", program=still, params=torch.tensor(0.3, dtype=torch.float64))
    assert known_moments(estimator, problem) == ReplicateMoments(mean=0.0, variance=0.0)


def test_more_alternatives_than_lanes_are_refused() -> None:
    assert known_moments(ConditionalTriple("leave_one_out", lanes=1), PROBLEMS["drifting"]) is None


def test_parameters_in_single_precision_lose_nothing() -> None:
    problem = PROBLEMS["drifting"]
    single = Problem(name="single", program=problem.program, params=problem.params.float())
    double = Problem(name="double", program=problem.program, params=problem.params.float().double())
    assert known_moments(ConditionalTriple(), single) == known_moments(ConditionalTriple(), double)


def test_residual_left_out_of_the_coupling(monkeypatch: pytest.MonkeyPatch) -> None:
    right = coupling.couple_maximally

    def repeats_only(primal: np.ndarray, beside: np.ndarray) -> np.ndarray:
        return right(primal, beside) * np.eye(primal.shape[1])

    monkeypatch.setattr(alternatives, "couple_maximally", repeats_only)
    assert differs(ConditionalTriple(lanes=8), "spreading")


def test_flow_without_its_leave_one_out_boundary(monkeypatch: pytest.MonkeyPatch) -> None:
    def upward(tables: Tables, shares: Mapping[str, float]) -> np.ndarray:
        """``sum_{j > z} dP(j) / P(z)``, to z + 1, of two outcomes; zero at P(z) = 0, where the flow must be another."""
        rates = np.zeros((len(tables.probability), 2, 2))
        np.divide(tables.derivative[:, 1], tables.probability[:, 0], out=rates[:, 0, 1], where=tables.probability[:, 0] > 0)
        return rates

    monkeypatch.setattr(alternatives, "flow_mixture", upward)
    assert differs(ConditionalTriple("upward", lanes=8), "boundary")

"""Score functions: the recursion against all outcomes of the estimator's own randomness."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch.distributions import Bernoulli

from gradverify.estimators import (
    DiCE,
    Estimator,
    LeaveOneOut,
    ScoreFunction,
    VarGrad,
)
from gradverify.verification.problems import Problem
from gradverify.verification.truth.chains.chain import ChainError, ReplicateMoments
from gradverify.verification.truth.chains.score import leave_one_out_moments
from gradverify.verification.truth.chains.tabulate import tabulate
from gradverify.verification.truth.known_moments import known_moments

from .programs import PROBLEMS, agree, drifting


@pytest.mark.parametrize("name", PROBLEMS)
@pytest.mark.parametrize(
    "estimator", [ScoreFunction(), ScoreFunction(3.0), DiCE(baseline=1.5), LeaveOneOut(2), VarGrad(2)], ids=str
)
def test_the_recursion_agrees_with_all_outcomes(name: str, estimator: Estimator) -> None:
    problem = PROBLEMS[name]
    # The score function cannot see a derivative at probability one: both give the same wrong mean.
    assert agree(known_moments(estimator, problem), estimator, problem)


@pytest.mark.parametrize("estimator", [ScoreFunction()], ids=str)
def test_a_chain_that_does_not_depend_on_its_parameter_has_no_alternatives(estimator: Estimator) -> None:
    still = replace(drifting(2), site=lambda params, state, k: Bernoulli(0.4 + 0 * params))
    problem = Problem(name="still", program=still, params=torch.tensor(0.3, dtype=torch.float64))
    assert known_moments(estimator, problem) == ReplicateMoments(mean=0.0, variance=0.0)


@pytest.mark.parametrize("group", [2, 3, 4])
def test_leave_one_out_of_any_group(group: int) -> None:
    problem = Problem(name="short", program=drifting(2 if group < 4 else 1), params=torch.tensor(0.6, dtype=torch.float64))
    assert agree(leave_one_out_moments(tabulate(problem.program, problem.params), group), LeaveOneOut(group), problem)


def test_one_row_cannot_be_left_out() -> None:
    with pytest.raises(ChainError, match="at least two"):
        leave_one_out_moments(tabulate(drifting(2), torch.tensor(0.5)), 1)

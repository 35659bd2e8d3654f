"""Finite differences: the recursion against all outcomes of the estimator's own randomness."""

from __future__ import annotations

import pytest
import torch

from gradverify.estimators import (
    Estimator,
    FiniteDifference,
)
from gradverify.verification.truth.chains.chain import ChainError
from gradverify.verification.truth.chains.differences import coupled_difference_moments
from gradverify.verification.truth.chains.tabulate import tabulate
from gradverify.verification.truth.known_moments import known_moments

from .programs import PROBLEMS, agree, drifting


@pytest.mark.parametrize("name", PROBLEMS)
@pytest.mark.parametrize("estimator", [FiniteDifference(step=0.3)], ids=str)
def test_the_recursion_agrees_with_all_outcomes(name: str, estimator: Estimator) -> None:
    if name == "boundary":
        pytest.skip("its probabilities are above one to the left of the point")
    problem = PROBLEMS[name]
    assert agree(known_moments(estimator, problem), estimator, problem)


def test_chains_of_two_programs_are_refused() -> None:
    short, long = (tabulate(drifting(length), torch.tensor(0.5)) for length in (2, 3))
    with pytest.raises(ChainError, match="give one program at two parameters"):
        coupled_difference_moments(long, short, 0.1)

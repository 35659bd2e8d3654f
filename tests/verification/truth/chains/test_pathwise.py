"""Estimators that differentiate samples: the recursion against all outcomes of their own randomness."""

from __future__ import annotations

from dataclasses import replace

import pytest
from torch import Tensor

from gradverify.estimators import (
    Estimator,
    MarkovProgram,
    SmoothedTriple,
    StraightThrough,
)
from gradverify.verification.truth import known_moments as known
from gradverify.verification.truth.chains.slopes import SampleSlopes
from gradverify.verification.truth.known_moments import known_moments

from .programs import PROBLEMS, agree


@pytest.mark.parametrize("name", PROBLEMS)
@pytest.mark.parametrize("estimator", [SmoothedTriple(), StraightThrough()], ids=str)
def test_the_recursion_agrees_with_all_outcomes(name: str, estimator: Estimator) -> None:
    problem = PROBLEMS[name]
    assert agree(known_moments(estimator, problem), estimator, problem)


def test_state_without_its_own_slope(monkeypatch: pytest.MonkeyPatch) -> None:
    """dP/dx left out: what later draws see of an earlier sample's derivative."""
    right = known.sample_slopes

    def blind(program: MarkovProgram, params: Tensor) -> SampleSlopes:
        slopes = right(program, params)
        return replace(slopes, probability=0 * slopes.probability)

    monkeypatch.setattr(known, "sample_slopes", blind)
    fresh = replace(PROBLEMS["drifting"])  # tables are kept for each problem
    assert not agree(known_moments(StraightThrough(), fresh), StraightThrough(), fresh)

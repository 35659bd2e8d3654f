"""Bugs in rules: the right weights are no bug, and integers end the gradient."""

from __future__ import annotations

import pytest
import torch

from gradverify.estimators.protocol import NoGradientPathError
from gradverify.estimators.reinmax import ReinMax
from gradverify.estimators.runs.exact import exact_moments
from gradverify.estimators.straight_through import StraightThrough
from gradverify.verification.selftest.mutants.relaxation_bugs import FaultyReinMax, IntegerOutput
from gradverify.verification.selftest.sensitive import find_problem

STEPS = find_problem("die/steps/logits")


def mean(estimator: object) -> torch.Tensor:
    return exact_moments(estimator, STEPS.program, STEPS.params)[0]  # type: ignore[arg-type]


def test_weights_of_two_and_minus_a_half_are_reinmax() -> None:
    assert torch.allclose(mean(FaultyReinMax(2.0, -0.5)), mean(ReinMax()))
    assert not torch.allclose(mean(FaultyReinMax(2.0, -0.47)), mean(ReinMax()), rtol=1e-3)


def test_weights_of_none_and_one_are_straight_through() -> None:
    assert torch.allclose(mean(FaultyReinMax(0.0, 1.0)), mean(StraightThrough()))


def test_integers_end_the_gradient() -> None:
    with pytest.raises(NoGradientPathError):
        IntegerOutput()(STEPS.program, STEPS.params, 4, torch.Generator().manual_seed(0))

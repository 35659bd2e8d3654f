"""Bugs in coupled runs: each is harmless exactly where its docstring says so."""

from __future__ import annotations

import pytest

from gradverify.estimators.protocol import Estimator
from gradverify.estimators.runs.exact import exact_moments
from gradverify.verification.selftest.mutants.coupling_bugs import FaultyDifference, FaultyDisARM
from gradverify.verification.selftest.sensitive import find_problem
from gradverify.verification.truth.references import find_reference


def bias(estimator: Estimator, name: str) -> float:
    problem = find_problem(name)
    gradient = find_reference(problem, 0, 0.1).gradient
    mean = exact_moments(estimator, problem.program, problem.params)[0].reshape(-1).numpy()
    return float(abs(mean - gradient).max())


def test_the_sign_is_wrong_for_negative_logits_only() -> None:
    assert bias(FaultyDisARM("signed"), "coin/centred/logit") < 1e-9
    assert bias(FaultyDisARM("signed"), "coin/near_even/logit") > 1e-4


def test_a_forward_difference_is_off_by_the_curvature() -> None:
    """E f = p^2, so the forward difference is off by the step, 0.4 p."""
    assert bias(FaultyDifference(0.4, "forward"), "coins/shared/p") == pytest.approx(0.2, abs=1e-6)

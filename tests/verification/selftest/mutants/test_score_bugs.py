"""Bugs in score functions: exact means against the factors that their docstrings state."""

from __future__ import annotations

import pytest

from gradverify.estimators.protocol import Estimator
from gradverify.estimators.runs.exact import exact_moments
from gradverify.verification.selftest.mutants.score_bugs import (
    DroppedScoreTerm,
    OwnSampleBaseline,
    UpdatedBeforeUse,
)
from gradverify.verification.selftest.sensitive import find_problem
from gradverify.verification.truth.references import find_reference

COIN = find_problem("coin/centred/logit")


@pytest.mark.parametrize(
    ("estimator", "factor"),
    [
        (OwnSampleBaseline(4), 1 - 1 / 4),
        (UpdatedBeforeUse(0.2, 0.9), 0.9),
        (UpdatedBeforeUse(0.2, 0.9, 4), 1 - 0.1 / 4),
        (DroppedScoreTerm(0), 0.0),
    ],
)
def test_the_mean_is_off_by_the_stated_factor(estimator: Estimator, factor: float) -> None:
    mean = float(exact_moments(estimator, COIN.program, COIN.params)[0])
    assert mean == pytest.approx(factor * float(find_reference(COIN, 0, 0.1).gradient[0]), abs=1e-12)

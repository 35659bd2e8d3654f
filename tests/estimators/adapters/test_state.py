"""State in foreign code is seen by repeating a call."""

from __future__ import annotations

from typing import Any

import pytest

from gradverify.estimators.adapters import as_estimator, convention_of
from gradverify.estimators.adapters.state import keeps_state

from . import foreign, shapes
from .test_adapter import Forgetting


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (Forgetting(), True),
        (foreign.MovingBaseline(), True),
        (foreign.MagicBox(), False),
        (shapes.OthersBaseline(), False),
        (shapes.Noisy(), False),
        (foreign.one_hot_of_logits, False),
    ],
    ids=lambda each: type(each).__name__,
)
def test_a_second_call_shows_state(target: Any, expected: bool) -> None:
    estimator: Any = as_estimator(target, "mine")
    assert keeps_state(target, convention_of(estimator)) is expected

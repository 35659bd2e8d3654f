"""The plan of a bias test: what it refuses, and the rows and rates that it fixes beforehand."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from .simulated_cells import a_plan


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"alpha": 0.0}, "alpha"),
        ({"alpha_unbiased": 1.0}, "alpha_unbiased"),
        ({"p_gate": 0.0}, "p_gate"),
        ({"r_target": 0.2}, "r_target"),
        ({"max_rows": 0}, "max_rows"),
        ({"scale": [1.0, 2.0]}, "scale has 2 entries"),
        ({"truth": [math.nan]}, "finite"),
        ({"tau_numeric": -1.0}, "negative"),
    ],
)
def test_bad_plans_are_rejected_by_name(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        a_plan(**changes)


def test_the_stages_share_the_rate_and_the_channels_a_stage() -> None:
    plan = a_plan(3)
    assert plan.stage_alpha**2 == pytest.approx(plan.alpha)
    assert plan.channel_alpha("screen").sum() == pytest.approx(plan.stage_alpha)
    confirm = plan.channel_alpha("confirm", 2)
    assert confirm[2] == plan.stage_alpha
    np.testing.assert_array_equal(np.delete(confirm, 2), np.delete(plan.channel_alpha("screen"), 2))


def test_rare_outcomes_ask_for_ten_sightings() -> None:
    assert a_plan().rows_to_open == 1000
    assert a_plan(p_gate=1e-3).rows_to_open == 10_000
    # A branch of 1e-3 is missed by 10,000 equal rows with probability e^-10, and by as many as alpha asks for below that.
    assert a_plan().rows_if_constant == 10_000
    assert a_plan(alpha=1e-6).rows_if_constant == math.ceil(math.log(1e6) * 1000)
    assert a_plan(deterministic_rows=True).rows_if_constant == 2


def test_the_confirm_stage_may_use_four_times_the_rows_of_the_alarm() -> None:
    plan = a_plan(max_rows=2000)
    assert plan.planned_rows("screen") == [1000, 1250, 1563, 1954, 2000]
    assert plan.planned_rows("confirm", flagged_at=1000)[-1] == 4000
    assert plan.planned_rows("confirm", flagged_at=100)[-1] == 2000
    assert a_plan(deterministic_rows=True).planned_rows("screen")[:2] == [2, 1000]


def test_a_tolerance_is_the_scale_times_the_relative_one_and_rounding() -> None:
    plan = a_plan(2, truth=[3.0, -4.0], scale=[3.0, 4.0], tau_numeric=0.01, directions=None)
    np.testing.assert_allclose(plan.tolerance(0.1), [0.31, 0.41, 0.6 * 0.31 + 0.8 * 0.41], rtol=1e-12)
    np.testing.assert_allclose(plan.slack, [0.01, 0.01, 0.014], rtol=1e-12)

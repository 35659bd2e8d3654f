"""Coordinates that are off by themselves: named if that is known, and suspected at the stated rate in sound cells."""

from __future__ import annotations

import numpy as np

from gradverify.verification.statistics.bias_look import Look, look
from gradverify.verification.statistics.bias_plan import BiasPlan
from gradverify.verification.statistics.moments import Moments
from gradverify.verification.statistics.small_coordinates import off_coordinates, suspicious

from .test_norm_test import SMALL, a_vector_plan

PLAN = a_vector_plan(SMALL)


def seen(plan: BiasPlan, seed: int, *bias: float, count: int = 4000, sigma: float = 0.1) -> Look:
    rows = np.random.default_rng(seed).normal(bias, sigma, size=(count, plan.size))
    moments = Moments.from_rows(plan.channels.project(rows))
    return look(plan, moments, stage="screen", start=np.zeros(len(plan.channel_names), dtype=np.int64))


def test_a_coordinate_that_is_off_is_named_with_its_interval() -> None:
    (found,) = off_coordinates(PLAN, seen(PLAN, 0, 0.0, -0.03))
    assert found["coordinate"] == 1
    assert found["interval"][0] < -1.0 < found["interval"][1]


def test_an_error_within_the_tolerance_of_itself_is_none() -> None:
    assert off_coordinates(PLAN, seen(PLAN, 0, 0.05, 0.0)) == []
    assert not suspicious(PLAN, seen(PLAN, 0, 0.05, 0.0))


def test_a_zero_coordinate_has_no_error_of_itself() -> None:
    plan = a_vector_plan(np.array([1.0, 0.0]))
    assert off_coordinates(plan, seen(plan, 0, 0.0, 0.02)) == []
    assert not suspicious(plan, seen(plan, 0, 0.0, 0.02))


def test_sound_cells_are_suspected_at_the_stated_rate() -> None:
    """.05 of 400 cells whose small coordinate is hardly known: 35 is exceeded with a probability of 6e-4."""
    suspected = sum(suspicious(PLAN, seen(PLAN, seed, 0.0, 0.0, sigma=2.0)) for seed in range(400))
    assert suspected <= 35
    assert suspicious(PLAN, seen(PLAN, 0, 0.0, -0.03))

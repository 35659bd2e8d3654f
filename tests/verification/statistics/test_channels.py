"""Channels: their shares of a rate, and the tolerance that makes each of them prove a coordinate wrong."""

from __future__ import annotations

import math

import numpy as np
import pytest

from gradverify.verification.statistics.bias import scales
from gradverify.verification.statistics.channels import own_scales, watch

from .simulated_cells import a_plan


def test_a_zero_gradient_of_several_coordinates_has_no_gain() -> None:
    plan = a_plan(3, truth=np.zeros(3), scale=np.full(3, 0.5))
    assert "gain" not in plan.channel_names
    assert plan.channel_alpha("screen").sum() == pytest.approx(math.sqrt(1e-3))


def test_channels_beyond_their_tolerance_prove_a_coordinate_beyond_its_own() -> None:
    generator = np.random.default_rng(0)
    truth = generator.normal(size=5)
    channels = watch(truth, scales(truth), generator.normal(size=(3, 5)))
    tolerance = 0.1 * scales(truth)
    errors = generator.uniform(-1, 1, size=(1000, 5)) * tolerance
    assert (np.abs(channels.project(errors)) <= channels.bound(tolerance) + 1e-15).all()
    np.testing.assert_array_equal(channels.project(errors)[:, :5], errors)
    np.testing.assert_allclose(channels.project(errors)[:, 5:], errors @ channels.mixed.T, atol=1e-12)
    assert channels.shares.sum() == pytest.approx(1.0)


def test_one_coordinate_is_watched_alone() -> None:
    channels = watch(np.array([2.0]), np.array([2.0]), np.ones((3, 1)))
    assert channels.kinds == ("coordinate",)
    np.testing.assert_array_equal(channels.shares, [1.0])


def test_kinds_share_a_rate_and_the_channels_of_a_kind_its_part() -> None:
    channels = watch(np.array([3.0, 4.0]), np.array([3.0, 4.0]), np.eye(2))
    assert channels.names == ("coordinate 0", "coordinate 1", "gain", "projection 0", "projection 1")
    np.testing.assert_allclose(channels.shares, [0.25, 0.25, 0.25, 0.125, 0.125])
    np.testing.assert_allclose(channels.mixed[0], [0.6, 0.8])
    np.testing.assert_allclose(channels.scale, [3.0, 4.0, 5.0, 1.0, 1.0])


def test_a_direction_that_was_found_is_watched_with_the_drifts_share() -> None:
    truth = np.array([3.0, 4.0])
    screen = watch(truth, truth, np.eye(2), drift=True)
    confirm = watch(truth, truth, np.eye(2), drift=True, found=np.array([0.8, -0.6]))
    assert confirm.names == (*screen.names, "direction")
    assert 1 - screen.shares.sum() == pytest.approx(confirm.shares[-1]) == pytest.approx(0.125)
    np.testing.assert_allclose(confirm.shares[:-1], screen.shares)
    np.testing.assert_allclose(screen.lengths, [1, 1, 1, 1 / 3, 1 / 4])


def test_many_coordinates_need_no_square_of_them() -> None:
    truth = np.ones(100_000)
    assert watch(truth, truth, np.ones((3, 100_000))).mixed.shape == (4, 100_000)


def test_a_coordinate_by_itself_has_its_own_scale() -> None:
    np.testing.assert_allclose(own_scales([1.0, 0.03]), [1.0, 0.03])
    np.testing.assert_allclose(own_scales([3.0, 0.0, 0.0, 4.0]), [3.0, 2.5, 2.5, 4.0])


def test_a_coordinate_near_zero_is_measured_against_the_others() -> None:
    np.testing.assert_allclose(scales([3.0, 0.0, 0.0, -4.0]), [3.0, 2.5, 2.5, 4.0])
    np.testing.assert_allclose(scales([0.0, 0.0], [0.1, 0.2]), [0.1, 0.2])

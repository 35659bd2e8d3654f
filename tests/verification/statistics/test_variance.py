"""Variances: intervals, the one-sided comparison, and what a sample has not seen."""

from __future__ import annotations

import math

import numpy as np
import pytest

from gradverify.verification.statistics.moments import Moments
from gradverify.verification.statistics.variance import measurable, variance_interval, variance_ratio


def test_interval_holds_the_variance() -> None:
    """400 runs of 3,000 rows of a weight 1/p, p = .01: at a coverage of .94 fewer than 365 hold it with probability .01."""
    rows = (np.random.default_rng(0).random((3000, 400)) < 0.01) / 0.01
    moments = Moments.from_rows(rows)
    limits = [variance_interval(moments, channel) for channel in range(400)]
    assert sum(low <= 99.0 <= high for low, high in limits) >= 365


def test_interval_of_a_constant_and_of_one_row() -> None:
    assert variance_interval(Moments.from_rows(np.ones((10, 1)))) == (0.0, 0.0)
    assert variance_interval(Moments.from_rows([[1.0]])) == (0.0, math.inf)


def test_equal_variances_are_rarely_told_apart() -> None:
    """300 pairs of skewed samples at .01: more than 9 with probability 1e-3 at the rate of .01."""
    generator = np.random.default_rng(1)
    a, b = (Moments.from_rows(generator.exponential(size=(3000, 300))) for _ in range(2))
    assert sum(variance_ratio(a, b, channel=c).p_value < 0.01 for c in range(300)) <= 9


def test_a_larger_variance_is_found_and_a_margin_respected() -> None:
    generator = np.random.default_rng(2)
    a = Moments.from_rows(math.sqrt(1.5) * generator.normal(size=(5000, 1)))
    b = Moments.from_rows(generator.normal(size=(5000, 1)))
    assert variance_ratio(a, b).p_value < 1e-6
    assert variance_ratio(a, b, margin=math.log(1.5)).p_value > 1e-3
    assert variance_ratio(b, a).p_value > 0.999


def test_common_random_numbers_make_a_small_difference_visible() -> None:
    noise = np.random.default_rng(3).exponential(size=(3000, 1))
    a, b = Moments.from_rows(1.02 * noise), Moments.from_rows(noise)
    assert variance_ratio(a, b).p_value > 0.05
    paired = variance_ratio(a, b, paired=True)
    assert paired.p_value < 1e-6
    assert paired.log_ratio == pytest.approx(2 * math.log(1.02))


def test_paired_null_keeps_its_rate() -> None:
    """300 pairs that share half of their noise, at .05: more than 29 with probability 3e-4."""
    generator = np.random.default_rng(4)
    shared = generator.exponential(size=(3000, 300))
    a, b = (Moments.from_rows(shared + generator.exponential(size=shared.shape)) for _ in range(2))
    assert sum(variance_ratio(a, b, channel=c, paired=True).p_value < 0.05 for c in range(300)) <= 29


def test_misuse_is_named() -> None:
    rows = np.random.default_rng(5).normal(size=(90, 1))
    with pytest.raises(ValueError, match="constant"):
        variance_ratio(Moments.from_rows(np.ones((90, 1))), Moments.from_rows(rows))
    with pytest.raises(ValueError, match="90 and 60 paired rows; expected equal numbers"):
        variance_ratio(Moments.from_rows(rows), Moments.from_rows(rows[:60]), paired=True)


def test_a_variance_that_lives_in_unseen_rows_is_not_measurable() -> None:
    """A product of 64 weights of relative variance .5: the true variance is 1.5^64, the sample's far below."""
    generator = np.random.default_rng(6)
    logs = generator.normal(-0.5 * math.log(1.5), math.sqrt(math.log(1.5)), size=(20_000, 64)).sum(axis=1)
    product = Moments.from_rows(np.exp(logs)[:, None])
    assert float(product.variance[0]) < 0.01 * 1.5**64
    assert not measurable(product, 0)
    assert measurable(Moments.from_rows(generator.normal(size=(20_000, 1))), 0)

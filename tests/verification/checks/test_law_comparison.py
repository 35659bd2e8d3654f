"""The comparison of drawn values with their law: measured rates of false alarms, and the bound itself."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch.distributions import Bernoulli

from gradverify.estimators.sites import site_of
from gradverify.verification.checks.law_comparison import DrawnLevels, DrawnSite, _log_rates, judge_draws

RATE = 1e-3


def false_alarms(p: float, rows: int, elements: int, *, factor: float = 1.0) -> int:
    """Count the elements whose drawn values are called wrong at `RATE`, with the exponent of the bound scaled by a factor."""
    generator = torch.Generator().manual_seed(5)
    probabilities = torch.tensor([1 - p, p], dtype=torch.float64).expand(rows, 500, 2)
    alarms = 0
    for _ in range(elements // 500):
        ones = (torch.rand(rows, 500, generator=generator, dtype=torch.float64) < p).double()
        rates = _log_rates(torch.stack([1 - ones, ones], -1), probabilities).min(-1).values
        alarms += int((math.log(2) + factor * (rates - math.log(2)) < math.log(RATE / 2)).sum())
    return alarms


@pytest.mark.parametrize(("p", "rows"), [(0.5, 400), (0.1, 400), (0.02, 4000)])
def test_the_rate_of_false_alarms_is_at_most_nominal(p: float, rows: int) -> None:
    """Of 20,000 elements, 20 and four standard deviations at most; with twice the exponent there are more."""
    most = 20 + 4 * math.sqrt(20)
    assert false_alarms(p, rows, 20_000) <= most
    assert false_alarms(p, rows, 20_000, factor=2.0) > most


def test_the_bound_is_bernsteins() -> None:
    """``2 exp(-S^2 / (2 (V + S / 3)))`` with S = 60 and V = 1000 / 4, and nothing at a surplus that is rounding."""
    ones = torch.cat([torch.ones(560, 1), torch.zeros(440, 1)]).double()
    rate = _log_rates(torch.stack([1 - ones, ones], -1), torch.full((1000, 1, 2), 0.5, dtype=torch.float64))
    assert float(rate[0, 1]) == pytest.approx(math.log(2) - 60**2 / (2 * (250 + 20)), rel=1e-9)


def test_the_rate_of_distribution_functions_is_nominal() -> None:
    """At .05, 2,000 samples of 300 levels: the bound is tight, so that the rate is neither above .05 nor far below it."""
    generator = np.random.default_rng(0)
    samples = (torch.from_numpy(generator.random((300, 1))) for _ in range(2000))
    failed = sum(judge_draws([DrawnLevels("site", levels)], 0.05).outcome == "failed" for levels in samples)
    assert 0.5 * 100 <= failed <= 100 + 4 * math.sqrt(95)


def test_a_wrong_probability_is_found_and_shown() -> None:
    value = (torch.rand(4000, 1, generator=torch.Generator().manual_seed(0), dtype=torch.float64) < 0.6).double()
    site = site_of(Bernoulli(torch.full((4000, 1), 0.5, dtype=torch.float64)))
    finding = judge_draws([DrawnSite("site 0", site, value)], 1e-6)
    assert finding.outcome == "failed"
    assert "expected 0.5" in finding.note

"""Which results belong together, and the intervals of biases."""

from __future__ import annotations

import pytest
from scipy import stats

from gradverify.verification.experiments.walk.accuracy import Accuracy
from gradverify.verification.experiments.walk.design import Job
from gradverify.verification.experiments.walk.findings import Findings

from .designs import TINY, made_up


def test_bias_intervals_share_one_error_rate() -> None:
    """Six points of the design: two jobs of two starts and theta*."""
    findings = Findings(TINY, ())
    assert findings.intervals == 6
    bias = findings.bias(Accuracy(10.0, 2.0, 2.5, 0.1, 1.0, 0.1, 101))
    assert bias.mean == pytest.approx(0.5)
    assert bias.high - bias.mean == pytest.approx(0.1 * stats.t.isf(0.025 / 6, 100))


def test_results_are_selected() -> None:
    jobs = [Job("a", "time", "mean"), Job("b", "time", "trajectory"), Job("a", "trajectories", "mean")]
    findings = Findings(TINY, tuple(made_up(each) for each in jobs))
    assert [each.job for each in findings.select(names=["a"])] == [jobs[0], jobs[2]]
    assert [each.job for each in findings.select(split="time", loss="mean")] == [jobs[0]]
    assert len(findings.spreads("error", ["a"])) == 4

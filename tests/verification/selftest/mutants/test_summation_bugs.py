"""Bugs in sum-and-sample: the summed part alone, and a remainder that overlaps it."""

from __future__ import annotations

import pytest

from gradverify.estimators.runs.exact import exact_moments
from gradverify.verification.selftest.mutants.summation_bugs import FaultySumAndSample
from gradverify.verification.selftest.sensitive import find_problem
from gradverify.verification.truth.references import find_reference

DIE = find_problem("die/centred/logits")


def test_a_remainder_that_is_dropped_leaves_no_variance() -> None:
    """What is left is the summed part, the same in every row."""
    mean, variance = exact_moments(FaultySumAndSample(2, "truncated"), DIE.program, DIE.params)
    assert float(variance.max()) == pytest.approx(0, abs=1e-20)
    assert abs(mean.numpy() - find_reference(DIE, 0, 0.1).gradient).max() > 0.01


def test_all_outcomes_summed_leave_nothing_to_drop() -> None:
    mean, _ = exact_moments(FaultySumAndSample(4, "truncated"), DIE.program, DIE.params)
    assert mean.numpy() == pytest.approx(find_reference(DIE, 0, 0.1).gradient)

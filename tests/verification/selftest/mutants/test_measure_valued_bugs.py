"""The shifted phase: a linear objective of a geometric law loses the factor 1 - p."""

from __future__ import annotations

import torch

from gradverify.verification.selftest.mutants.measure_valued_bugs import ShiftedGeometric
from gradverify.verification.selftest.sensitive import find_problem


def test_the_mean_is_that_of_the_shifted_phase() -> None:
    """``-E y / p = -(1 - p) / p^2`` for the right ``-1 / p^2``: 20,000 rows, six standard errors, false-fail rate 2e-9; the
    right mean lies more than 80 away."""
    problem = find_problem("geometric:0.6/linear/p")
    rows = ShiftedGeometric()(problem.program, problem.params, 20_000, torch.Generator().manual_seed(0))
    error = float(rows.std()) / 20_000**0.5
    assert abs(float(rows.mean()) + 0.4 / 0.36) < 6 * error
    assert abs(float(rows.mean()) + 1 / 0.36) > 80 * error

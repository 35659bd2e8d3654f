"""The e-processes: expectation at most one, error rates below nominal for laws that defeat every t-test."""

from __future__ import annotations

import math

import numpy as np
import pytest

from gradverify.verification.eprocess import (
    bounded_support_eprocess,
    bounded_support_evidence,
    known_variance_eprocess,
)

RARE = 1e-3


def known_variance_path(rows: np.ndarray, variance: float, planned_rows: int) -> np.ndarray:
    """Log evidence after every row; rows [n, runs]."""
    n = np.arange(1, len(rows) + 1)[:, None]
    mean = np.cumsum(rows, axis=0) / n
    m2 = np.cumsum(rows**2, axis=0) - n * mean**2
    paths = [
        known_variance_eprocess(int(k), mean[k - 1], m2[k - 1], variance=variance, alpha=0.05, planned_rows=planned_rows)
        for k in n[:, 0]
    ]
    return np.array(paths)


@pytest.mark.parametrize("law", ["normal", "rare"])
def test_known_variance_keeps_its_rate_without_gates(law: str) -> None:
    """Exact: at most .05 of runs reject. Of 400, more than 34 would with probability 1.1e-3."""
    generator = np.random.default_rng(1)
    shape = (1500, 400)
    if law == "normal":
        rows, variance = generator.normal(size=shape), 1.0
    else:
        rows, variance = (generator.random(shape) < RARE) / RARE - 1, 1 / RARE - 1
    evidence = known_variance_path(rows, variance, 1500)
    assert (evidence.max(axis=0) >= math.log(20)).mean() <= 34 / 400


def test_known_variance_finds_a_bias() -> None:
    """At six standard errors of bias power is above .9: of 100 runs fewer than 80 with probability under 1e-3."""
    rows = np.random.default_rng(2).normal(6 / math.sqrt(1500), 1.0, size=(1500, 100))
    evidence = known_variance_path(rows, 1.0, 1500)
    assert (evidence[-1] >= math.log(20)).mean() >= 0.8


def test_known_variance_refuses_a_constant() -> None:
    with pytest.raises(ValueError, match="positive"):
        known_variance_eprocess(10, 0.0, 0.0, variance=0.0, alpha=0.05, planned_rows=10)


def bounded_path(rows: np.ndarray, truth: float) -> np.ndarray:
    """Log evidence after every hundred rows of ``[n, runs]``; tables of chunks add up."""
    tables = [bounded_support_eprocess(chunk, lower=0.0, upper=1.0, truth=truth) for chunk in np.split(rows, len(rows) // 100)]
    return np.array([bounded_support_evidence(table) for table in np.cumsum(tables, axis=0)])


@pytest.mark.parametrize("probability", [0.5, 0.01])
def test_bounded_support_keeps_its_rate(probability: float) -> None:
    """As above: more than 34 of 400 at a true rate of .05 has probability 1.1e-3."""
    rows = (np.random.default_rng(3).random((2000, 400)) < probability).astype(float)
    assert (bounded_path(rows, probability).max(axis=0) >= math.log(20)).mean() <= 34 / 400
    # Planted: the claimed mean is off by nine standard errors of the last row or more.
    wrong = bounded_path(rows, 0.6 if probability == 0.5 else 0.03)
    assert (wrong.max(axis=0) >= math.log(20)).mean() >= 0.95


def test_bounded_support_is_a_fair_bet() -> None:
    """Two outcomes enumerated: the expected wealth of every bet after one row is exactly one."""
    outcomes = np.array([[0.0], [1.0]])
    wealth = np.stack([bounded_support_eprocess(row[None], lower=0.0, upper=1.0, truth=0.3)[:, 0] for row in outcomes])
    np.testing.assert_allclose(0.7 * np.exp(wealth[0]) + 0.3 * np.exp(wealth[1]), 1.0, rtol=1e-12)


def test_a_row_outside_the_support_is_a_bug() -> None:
    with pytest.raises(ValueError, match="outside the support"):
        bounded_support_eprocess([[1.5]], lower=0.0, upper=1.0, truth=0.5)
    with pytest.raises(ValueError, match="inside the support"):
        bounded_support_eprocess([[0.5]], lower=0.0, upper=1.0, truth=1.0)

"""Polynomial programming: its published losses, its exact gradients, and statements that can fail."""

from __future__ import annotations

import pytest

from gradverify.verification.experiments.published import polynomials as published_polynomials
from gradverify.verification.experiments.published.polynomials import polynomial_statements, polynomial_tables


def test_tables_have_the_published_numbers() -> None:
    losses, gradients = polynomial_tables()
    assert [row[-1] for row in losses.rows] == ["yes"] * 6
    at_zero = {row[0]: row[2:] for row in gradients.rows if row[1] == 0}
    for power, true, straight in ((1.5, 0.026505, 0.013275), (2.0, 0.025, 0.025), (3.0, 0.018813, 0.0375)):
        assert at_zero[power] == pytest.approx((true, straight, straight), abs=1.01e-6)


def test_statements_hold() -> None:
    assert [each.outcome for each in polynomial_statements()] == ["holds"] * 3


@pytest.mark.parametrize(
    ("attribute", "value", "failing"),
    [
        ("PUBLISHED", ((1.5, 0.35488, 0.301869), (2.0, 0.2525, 0.2025), (3.0, 0.12875, 0.166375)), 0),
        ("AWAY", 0.0, 1),
        ("ReinMax", published_polynomials.StraightThrough, 2),
    ],
)
def test_statements_can_fail(monkeypatch: pytest.MonkeyPatch, attribute: str, value: object, failing: int) -> None:
    """Planted: the optimum taken at x = 1, the rules compared where they are one, straight-through in ReinMax's place."""
    monkeypatch.setattr(published_polynomials, attribute, value)
    assert polynomial_statements()[failing].outcome == "fails"

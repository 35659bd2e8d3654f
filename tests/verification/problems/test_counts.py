"""Counts: gradients in closed form."""

from __future__ import annotations

import pytest

from gradverify.verification.problems.counts import binomial, geometric, poisson
from gradverify.verification.problems.problem import Problem
from gradverify.verification.truth.references import find_reference


def gradient(problems: list[Problem], name: str) -> float:
    (problem,) = (each for each in problems if f"/{name}/" in each.name)
    return float(find_reference(problem, 0, 0.1).gradient[0])


def test_first_moments() -> None:
    """E X is n p, (1 - p) / p and the rate."""
    assert gradient(binomial(5), "linear") == pytest.approx(5)
    assert gradient(geometric(0.6), "linear") == pytest.approx(-1 / 0.36)
    assert gradient(poisson(1.5), "linear") == pytest.approx(1)


def test_second_moments() -> None:
    """d/dp E (X + 1/2)^2 of a Binomial is ``n (1 - 2 p) + 2 n^2 p + n``; of a Poisson ``2 rate + 2``."""
    assert gradient(binomial(5), "square") == pytest.approx(5 * 0.4 + 50 * 0.3 + 5)
    assert gradient(poisson(1.5), "square") == pytest.approx(5)

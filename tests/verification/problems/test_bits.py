"""Bits: the gradients in closed form."""

from __future__ import annotations

import math

import pytest

from gradverify.verification.problems.bits import bernoulli, bits
from gradverify.verification.truth.references import find_reference


def test_one_bits_gradient_is_a_difference() -> None:
    expected = {"square": 0.55**2 - 0.45**2, "cubic": 7.0, "exponential": math.e - 1}
    for problem in bernoulli(0.3):
        assert find_reference(problem, 0, 0.1).gradient.item() == pytest.approx(expected[problem.name.split("/")[1]])


def test_a_paritys_gradient_is_a_product() -> None:
    """E f = 2 + prod (1 - 2 p_i), so d/dlogit_i = -2 p_i (1 - p_i) prod_{j != i} (1 - 2 p_j)."""
    (parity,) = (each for each in bits(3) if "parity" in each.name)
    p = parity.params.sigmoid().tolist()
    rest = [(1 - 2 * p[1]) * (1 - 2 * p[2]), (1 - 2 * p[0]) * (1 - 2 * p[2]), (1 - 2 * p[0]) * (1 - 2 * p[1])]
    expected = [-2 * each * (1 - each) * other for each, other in zip(p, rest, strict=True)]
    assert find_reference(parity, 0, 0.1).gradient == pytest.approx(expected)

"""The problems of the planted bugs: each has an exact gradient, and registered problems go by their names too."""

from __future__ import annotations

import pytest

from gradverify.verification.problems.registry import registered_problems
from gradverify.verification.selftest.sensitive import find_problem
from gradverify.verification.truth.references import find_reference


def test_a_registered_name_is_the_registered_problem() -> None:
    assert find_problem("bits:3/cubic/logits") is registered_problems()["bits:3/cubic/logits"]


def test_a_bet_has_a_derivative_of_its_own() -> None:
    """E f = (p - 0.4)(1 + x) + 0.3 x at the logit x = 0.4."""
    problem = find_problem("coin/paid/logit")
    p = float(problem.params.sigmoid())
    expected = p * (1 - p) * 1.4 + (p - 0.4) + 0.3
    assert find_reference(problem, 0, 0.1).gradient == pytest.approx([expected])


def test_two_bits_of_one_probability_are_curved() -> None:
    """E f = p^2 at p = 1/2."""
    assert find_reference(find_problem("coins/shared/p"), 0, 0.1).gradient == pytest.approx([1.0])

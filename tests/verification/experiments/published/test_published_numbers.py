"""Published numbers beside ours: the intervals, the chunks, and that a wrong exact value is seen."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from gradverify.estimators import ScoreFunction
from gradverify.estimators.runs.exact import exact_moments
from gradverify.verification.experiments.published.published_numbers import Comparison, inside_statement, sampled_moments
from gradverify.verification.problems.toys import bits_near
from gradverify.verification.statistics.moments import Moments

PROGRAM, PARAMS = bits_near((0.6, 0.2)), torch.tensor(0.4, dtype=torch.float64)


def compared(samples: int = 30_000) -> Comparison:
    exact = float(exact_moments(ScoreFunction(), PROGRAM, PARAMS)[1])
    moments = sampled_moments(ScoreFunction(), PROGRAM, PARAMS, name="two bits", samples=samples, seed=0)
    return Comparison(name="score", size=0.4, exact=exact, moments=moments)


def test_rows_are_drawn_in_chunks_that_do_not_repeat() -> None:
    """Two chunks, the second shorter; equal chunks would have the moments of one."""
    found, first = (sampled_moments(ScoreFunction(), PROGRAM, PARAMS, name="x", samples=n, seed=0) for n in (25_000, 20_000))
    assert found.count == 25_000
    again = sampled_moments(ScoreFunction(), PROGRAM, PARAMS, name="x", samples=25_000, seed=0)
    other = sampled_moments(ScoreFunction(), PROGRAM, PARAMS, name="x", samples=25_000, seed=1)
    assert again.variance == found.variance
    assert first.variance != found.variance != other.variance


def test_a_right_value_holds_and_a_wrong_one_fails() -> None:
    """Planted: an exact variance off by a tenth. Its interval has a relative half-width of 2 %; false-fail rate 1e-3."""
    right = compared()
    low, high = right.limits(0.999)
    assert high / low < 1.06
    assert inside_statement("It is.", (right, right), "numbers").outcome == "holds"
    wrong = inside_statement("It is.", (right, replace(right, exact=1.1 * right.exact)), "numbers")
    assert wrong.outcome == "fails"
    assert "1 of 2 numbers inside their intervals: not score at 0.4" in wrong.measured


def test_a_variance_of_zero_has_to_be_met() -> None:
    constant = Comparison(name="c", size=0.0, exact=0.0, moments=Moments.from_rows(np.full((50, 1), 3.0)))
    assert constant.believable
    assert inside_statement("It is.", (constant,), "numbers").outcome == "holds"
    assert inside_statement("It is.", (replace(constant, exact=1e-6),), "numbers").outcome == "fails"


@pytest.mark.parametrize("alone", [True, False])
def test_unseen_tails_are_left_out_and_counted(alone: bool) -> None:
    rows = np.zeros((1000, 1))
    rows[0] = 1.0
    heavy = Comparison(name="h", size=0.0, exact=5.0, moments=Moments.from_rows(rows))
    assert not heavy.believable
    found = inside_statement("It is.", (heavy,) if alone else (heavy, compared()), "numbers")
    assert found.outcome == ("open" if alone else "holds")
    assert "1 left out, because their tails were not seen often enough" in found.measured

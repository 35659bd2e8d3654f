"""Exponents over the sizes of a run: sampled ones against exact ones."""

from __future__ import annotations

import math

import numpy as np
import pytest

from gradverify.estimators import LeaveOneOut, StochasticTriple
from gradverify.verification import Record, verify
from gradverify.verification.problems import registered_problems
from gradverify.verification.record.record import Family
from gradverify.verification.run.families import judged_by_exact_tail
from gradverify.verification.truth.known_moments import known_variance

SIZES = (10, 20, 50, 100)
WALKS = [f"random_walk:{n}/square/p" for n in SIZES]


@pytest.fixture(scope="module")
def record() -> Record:
    return verify({"pair": LeaveOneOut(), "triple": StochasticTriple()}, WALKS, tolerance=0.5)


@pytest.mark.parametrize("name", ["pair", "triple"])
def test_exponent_is_the_slope_of_the_exact_variances(record: Record, name: str) -> None:
    (family,) = [each for each in record.families if each.estimator == name]
    estimator = {"pair": LeaveOneOut(), "triple": StochasticTriple()}[name]
    exact = [known_variance(estimator, registered_problems()[each]) for each in WALKS]
    assert all(each is not None for each in exact)
    slope = float(np.polyfit(np.log(SIZES), np.log(np.array(exact, dtype=float)), 1)[0])
    assert family.family == "random_walk/square/p"
    assert family.exponent == pytest.approx(slope, abs=0.1)
    assert family.interval is not None
    assert family.interval[0] < family.interval[1] < family.interval[0] + 0.2
    assert [each["size"] for each in family.points] == list(SIZES)
    assert [each["exact"] for each in family.points] == pytest.approx(exact)


def test_sampled_variances_lie_in_their_intervals_of_the_exact_ones(record: Record) -> None:
    """Eight comparisons at the run's share of the budget: 1e-4 for all. Two have too few rows to match within a tenth."""
    checks = [each.find("variance") for each in record.cells if each.estimator != "references"]
    outcomes = [each.outcome for each in checks if each is not None]
    assert (outcomes.count("matches exact"), outcomes.count("measured"), len(outcomes)) == (6, 2, 8)


def test_a_declared_exponent_is_held_against_the_tail(record: Record) -> None:
    for family in record.families:
        assert family.claim in ("supported", "inconclusive")
        assert "tail from n = " in family.note
        assert "declared 2" in family.note


@pytest.mark.parametrize(
    ("declared", "claim", "note"),
    [
        (2.0, "supported", "exact tail n = 200 to 1000: 1.99, declared 2; as measured"),
        (2.1, "supported", "exact tail n = 200 to 1000: 1.99, declared 2.1; as measured"),
        (2.5, "refuted", "exact tail n = 200 to 1000: 1.99, declared 2.5; as measured"),
        (1.5, "refuted", "exact tail n = 200 to 1000: 1.99, declared 1.5; as measured"),
        (None, "none", "exact tail n = 200 to 1000: 1.99; as measured"),
    ],
)
def test_an_exact_tail_decides_a_declared_exponent(declared: float | None, claim: str, note: str) -> None:
    measured = Family(
        estimator="triple",
        family="random_walk/square/p",
        exponent=1.9,
        interval=(1.8, 2.0),
        outcome="fitted",
        note="as measured",
    )
    variances = [815.0, 1821.0, 5029.0, 9835.0, 20028.0]
    judged = judged_by_exact_tail(measured, declared, (200, 300, 500, 700, 1000), variances)
    assert (judged.claim, judged.note) == (claim, note)
    assert judged.exponent == 1.9


def test_two_sizes_make_no_exponent() -> None:
    record = verify("leave_one_out", WALKS[:2], tolerance=0.5)
    assert record.families == ()


def test_a_family_without_variance_has_too_few_points() -> None:
    record = verify("enumeration", [f"random_walk:{n}/square/p" for n in (4, 6, 8)], tolerance=0.5)
    (family,) = record.families
    assert (family.outcome, family.exponent) == ("too few points", None)
    assert all(each["variance"] == 0 and not each["used"] for each in family.points)
    assert not any(math.isnan(each["variance"]) for each in family.points)

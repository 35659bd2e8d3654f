"""The kill matrix: what is killed, by what; what survives says why; accused originals are noticed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gradverify.estimators import ScoreFunction
from gradverify.estimators.enumeration import enumerate_paths
from gradverify.estimators.runs.exact import enumerate_branches
from gradverify.verification.selftest.kill_matrix import kill_row
from gradverify.verification.selftest.mutants.planted_bugs import find_mutant
from gradverify.verification.selftest.mutants.wrapper_bugs import Scaled
from gradverify.verification.selftest.selftest_record import KillRow
from gradverify.verification.selftest.sensitive import find_problem

SMALL = find_mutant("scale 1.01")
CONFIRMING_ROWS = 69_389
"""Rows of the stage that confirms the bias of `SMALL` at seed 0, from which its bias and its noise are estimated."""


@pytest.mark.parametrize(
    ("name", "check"),
    [
        ("scale 1.01", "bias"),
        ("own sample in the baseline, K = 20", "bias"),
        ("DisARM with sigma(phi), phi = -0.01", "bias"),
        ("noise reused across branches", "bias"),
        ("last step's flow dropped", "bias"),
        ("coupling's ratio not cut at one", "bias"),
        ("conditional noise not cut off", "bias"),
        ("uniforms of 4 binary digits", "bias"),
        ("batch mean as baseline", "conformance"),
        ("own seed at every call", "conformance"),
        ("log(0) in float32", "conformance"),
        ("integer samples", "conformance"),
        ("logarithm of a uniform", "conformance"),
        ("one stream, entered at the call's seed", "conformance"),
        ("noise shared by the rows of a call", "conformance"),
        ("NaN that does not come back", "conformance"),
        ("variance x 1.5, right mean", "variance"),
        ("coalesced alternative not dropped", "variance"),
    ],
)
def test_killed_by(name: str, check: str) -> None:
    """Each could fail by chance with probability 1e-3 at most: the biases are twice the tolerance and far beyond the noise."""
    row = kill_row(find_mutant(name), 0)
    assert (row.outcome, row.check, row.accused) == ("killed", check, False)
    assert row.evidence
    assert row.expected


@pytest.fixture(scope="module")
def small_row() -> KillRow:
    return kill_row(SMALL, 0)


def test_the_measured_bias_is_the_planted_one(small_row: KillRow) -> None:
    """2e-3 is 2.6 standard errors of the confirming rows: a bias that is off by 3.5e-3 fails with probability 97.5 %."""
    assert small_row.relative == pytest.approx(0.01, abs=2e-3)


def test_the_measured_noise_is_the_exact_one(small_row: KillRow) -> None:
    """4.9 standard errors of a standard deviation: false-fail rate 9.6e-7.

    The rows are nearly two-valued, so the standard error is only 0.04 %. A noise that is off by 0.3 % fails with probability
    97.5 %; the noise of the original, were it taken for the mutant's, is off by 1 %.
    """
    assert small_row.noise is not None
    noise, kurtosis = exact_noise()
    assert abs(small_row.noise / noise - 1) < 4.9 * ((kurtosis - 1) / CONFIRMING_ROWS) ** 0.5 / 2


def exact_noise() -> tuple[float, float]:
    """Return one row's standard deviation over the gradient, and its kurtosis, from all outcomes of the planted bug."""
    problem = find_problem(SMALL.problem)
    branches = enumerate_branches(SMALL.estimator, problem.program, problem.params)
    centred = branches.rows - branches.mean()
    fourth = float((branches.weight * centred**4).sum())
    variance = float(branches.variance())
    return variance**0.5 / float(enumerate_paths(problem.program, problem.params).gradient().abs()), fourth / variance**2


def test_a_sound_estimator_survives_with_the_reason() -> None:
    row = kill_row(replace(SMALL, estimator=Scaled(ScoreFunction(), 1.0), size=0.1), 0)
    assert (row.outcome, row.check, row.reason) == ("survived", "", "unbiased: no check failed")
    assert row.expected


def test_a_known_gap_is_not_expected_to_be_found() -> None:
    row = kill_row(replace(SMALL, estimator=Scaled(ScoreFunction(), 1.0), size=0.1, gap="nothing is wrong with it"), 0)
    assert (row.outcome, row.reason, row.expected) == ("survived", "nothing is wrong with it", False)


def test_an_original_that_is_not_sound_is_accused() -> None:
    row = kill_row(replace(SMALL, original=Scaled(ScoreFunction(), 1.5)), 0)
    assert row.accused
    assert row.control.startswith("bias: biased")


def test_the_same_seed_gives_the_same_row() -> None:
    first, second = (replace(kill_row(SMALL, 3), timing={}) for _ in range(2))
    assert first == second
    assert replace(kill_row(SMALL, 4), timing={}) != first

"""The fast self-test itself, and that workers change nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gradverify.verification.selftest import SelfTest, run_selftest
from gradverify.verification.selftest.kill_matrix import kill_row
from gradverify.verification.selftest.mutants.planted_bugs import find_mutant
from gradverify.verification.selftest.selftest_run import _SIZES, _jobs, _run_jobs
from gradverify.verification.selftest.writing import validate


@pytest.fixture(scope="module")
def fast() -> tuple[SelfTest, list[tuple[int, int, str]]]:
    told: list[tuple[int, int, str]] = []
    return run_selftest("fast", progress=lambda *said: told.append(said)), told


def test_every_promise_is_kept(fast: tuple[SelfTest, list]) -> None:
    """Of two laws at two rates, each fails by the rule of .05 only if its rate is just nominal; those measured are below
    half of it, where 19 of 246 has probability 1e-5. The seed is fixed."""
    selftest, told = fast
    assert selftest.failures == ()
    assert all(each.outcome == "killed" for each in selftest.kills)
    assert told[-1][:2] == (len(told), len(told))
    validate(selftest)


def test_a_part_alone_gives_the_same(fast: tuple[SelfTest, list]) -> None:
    row = next(each for each in fast[0].kills if each.mutant == "scale 1.02")
    assert replace(kill_row(find_mutant("scale 1.02"), 0), timing={}) == replace(row, timing={})


def test_workers_change_nothing() -> None:
    jobs = [replace(each, runs=3) for each in _jobs("fast", _SIZES["fast"], 5) if each.kind == "power"]
    assert _run_jobs(jobs, 1, None) == _run_jobs(jobs, 0, None)


def test_an_unknown_profile_is_named() -> None:
    with pytest.raises(ValueError, match="expected one of fast, full"):
        run_selftest("quick")  # type: ignore[arg-type]

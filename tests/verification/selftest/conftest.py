"""A small self-test that went well, to be rendered and spoiled."""

from __future__ import annotations

import pytest

from gradverify.verification.selftest.selftest_record import KillRow, NullRow, PowerRow, RefusalRow, SelfTest


@pytest.fixture
def selftest() -> SelfTest:
    null = NullRow(law="normal", event="first stage", nominal=0.1, runs=100, alarms=6, rate=0.06, interval=(0.02, 0.12),
                   limit=15, opened=1.0, passed=True)  # fmt: skip
    kill = KillRow(mutant="scale 1.01", problem="coin", size=0.01, tolerance=0.0025, outcome="killed", check="bias",
                   evidence="biased, material", relative=0.011, noise=0.2, num_samples=4096, reason="", expected=True,
                   control="unbiased", accused=False, timing={"seconds": 0.1})  # fmt: skip
    power = PowerRow(
        law="normal",
        bias=1.0,
        in_sigma=0.05,
        runs=60,
        detected=55,
        closed=0,
        rate=0.9167,
        interval=(0.81, 0.97),
        predicted=0.9,
        passed=True,
    )
    refusal = RefusalRow(
        law="Pareto 1.5", expected="inconclusive (tail)", runs=5, wrong=0, outcomes={"inconclusive (tail)": 5}, passed=True
    )
    return SelfTest(
        profile="fast",
        seed=0,
        versions={"python": "3.11"},
        nulls=(null,),
        refusals=(refusal,),
        kills=(kill,),
        power=(power,),
        timing={"seconds": 1.0},
    )

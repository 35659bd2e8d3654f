"""Arms: outcomes grouped, labelled apart, and failures once each."""

from __future__ import annotations

from dataclasses import replace

from gradverify.verification.experiments.nri.arm_results import arm_results
from gradverify.verification.experiments.nri.job_outcome import Outcome
from gradverify.verification.experiments.nri.training import Arm
from gradverify.verification.experiments.nri.training_plan import Job

from .outcomes import outcome

ARM = Arm(estimator="reinmax")


def test_outcomes_of_one_arm_stand_together() -> None:
    longer = replace(ARM, steps=1700)
    first, second = arm_results([outcome(ARM, 0, 0.8), outcome(longer, 0, 0.9), outcome(ARM, 1, 0.84)])
    assert (first.arm, len(first.trained), second.arm) == (ARM, 2, longer)
    assert abs(first.over(lambda each: each.test.accuracy).mean - 0.82) < 1e-12
    assert (first.label, second.label) == ("reinmax", "reinmax, 1700 steps")


def test_equal_failures_are_listed_once() -> None:
    failed = Outcome(job=Job(arm=ARM, seed=0), trained=None, status="diverged", note="why")
    (result,) = arm_results([failed, replace(failed, job=Job(arm=ARM, seed=1)), outcome(ARM, 2, 0.8)])
    assert (result.refusals, len(result.trained)) == ((("diverged", "why"),), 1)

"""Plans: the small study as specified, and options in place of a plan's own settings."""

from __future__ import annotations

from gradverify.verification.experiments.nri.training import Arm
from gradverify.verification.experiments.nri.training_plan import SMALL_ESTIMATORS, make_plan


def test_the_small_plan_is_the_specified_one() -> None:
    small = make_plan()
    arms = {each.arm for each in small.jobs}
    assert {each.estimator for each in arms if each.steps == 832 and each.encoder == "mlp"} == set(SMALL_ESTIMATORS)
    assert Arm(estimator="gumbel_softmax", steps=1700) in arms
    assert {each.decoder for each in arms if each.encoder == "cnn"} == {"rnn"}
    assert (small.data.frames, small.data.strength, small.data.train, small.data.particles) == (25, 0.5, 1000, 5)
    assert len([each for each in small.jobs if each.arm == Arm(estimator="reinmax")]) == 3


def test_options_replace_a_plans_own() -> None:
    asked = make_plan("full", simulator="charged", estimators=["reinmax", "reinmax"], encoder="cnn", steps=7, seeds=2, seed=5)
    assert [(each.arm, each.seed) for each in asked.jobs] == [
        (Arm(estimator="reinmax", encoder="cnn", steps=7), seed) for seed in (5, 6)
    ]
    assert not asked.training.skip_first
    assert make_plan("full").training.skip_first
    assert make_plan("full").jobs[0].arm.steps == 500 * 391

"""Statements on trained arms: each can hold and fail, and stays open if its seeds do not decide it."""

from __future__ import annotations

import pytest

from gradverify.verification.experiments.nri import gradient
from gradverify.verification.experiments.nri.job_outcome import Outcome
from gradverify.verification.experiments.nri.nri_study import nri_study
from gradverify.verification.experiments.nri.training import Arm
from gradverify.verification.experiments.nri.training_plan import TUTORIAL_RULE, Job, Plan, make_plan

from .outcomes import PLAN, outcome


@pytest.fixture(autouse=True)
def _few_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fewer replicates of the six edges' gradient than a study draws."""
    monkeypatch.setattr(gradient, "ROWS", 1024)


def said(arm: Arm, accuracies: tuple[float, ...], *, kl: float = 2.0, falls: float = 4.0, of: Plan = PLAN) -> dict[str, str]:
    """Outcomes of the statements of one arm, by the words that tell them apart."""
    study = nri_study(of, [outcome(arm, seed, each, kl=kl, falls=falls) for seed, each in enumerate(accuracies)])
    words = ("edges are inferred after", "learns nothing", "still falls", "recommends", "zero in every")
    return {word: each.outcome for each in study.statements for word in words if word in each.claim}


@pytest.mark.parametrize(
    ("arm", "accuracies", "expected"),
    [
        (Arm(estimator="reinmax"), (0.85, 0.86, 0.87), "holds"),
        (Arm(estimator="reinmax"), (0.55, 0.56, 0.57), "fails"),
        (Arm(estimator="reinmax"), (0.80, 0.82, 0.84), "open"),
        (Arm(estimator="reinmax"), (0.99,), "open"),
        (Arm(estimator="gumbel_softmax", steps=1700), (0.93, 0.92, 0.93), "holds"),
        (Arm(estimator="gumbel_softmax", steps=1700), (0.88, 0.88, 0.881), "fails"),
    ],
)
def test_accuracy_is_held_against_its_threshold_by_its_interval(arm: Arm, accuracies: tuple[float, ...], expected: str) -> None:
    assert said(arm, accuracies) == {"edges are inferred after": expected}


@pytest.mark.parametrize(
    "arm",
    [Arm(estimator="reinmax", steps=100), Arm(estimator="reinmax", encoder="cnn", decoder="rnn")],
)
def test_nothing_is_stated_where_nothing_was_expected(arm: Arm) -> None:
    assert said(arm, (0.9, 0.9)) == {}
    assert said(Arm(estimator="reinmax"), (0.9, 0.9), of=make_plan(simulator="charged")) == {}


def test_the_published_size_and_charges_have_thresholds_of_their_own() -> None:
    arm = Arm(estimator="reinmax", steps=195_500)
    assert said(arm, (0.96, 0.961), of=make_plan("full")) == {"edges are inferred after": "fails"}
    assert said(arm, (0.96, 0.961), of=make_plan("full", simulator="charged")) == {"edges are inferred after": "holds"}


def test_statements_on_the_tutorials_rule_can_hold_and_fail() -> None:
    arm = Arm(estimator=TUTORIAL_RULE)
    collapsed = {"learns nothing": "holds", "still falls": "holds", "recommends": "fails", "zero in every": "holds"}
    assert said(arm, (0.51, 0.505, 0.50), kl=1e-4) == collapsed
    assert said(arm, (0.51, 0.505, 0.50), kl=0.5)["learns nothing"] == "fails"
    assert said(arm, (0.51, 0.505, 0.50), kl=1e-4, falls=1.5)["still falls"] == "fails"
    learned = said(arm, (0.9, 0.9, 0.9))
    assert (learned["learns nothing"], learned["recommends"]) == ("fails", "holds")


@pytest.mark.parametrize("accuracies", [(0.51,), (0.51, 0.6), (0.45, 0.7, 0.5)])
def test_seeds_that_do_not_decide_leave_the_tutorials_rule_open(accuracies: tuple[float, ...]) -> None:
    found = said(Arm(estimator=TUTORIAL_RULE), accuracies, kl=1e-4)
    assert (found["learns nothing"], found["recommends"]) == ("open", "open")
    assert found["still falls"] == ("open" if len(accuracies) == 1 else "holds")


def test_seeds_that_could_not_be_trained_let_no_statement_hold() -> None:
    arm = Arm(estimator="reinmax")
    diverged = Outcome(job=Job(arm=arm, seed=3), trained=None, status="diverged", note="why")
    trained = [outcome(arm, seed, each) for seed, each in enumerate((0.85, 0.86, 0.87))]
    (said,) = nri_study(PLAN, [*trained, diverged]).statements
    assert said.outcome == "open"
    assert said.measured.endswith("without the seeds that ended as: diverged")

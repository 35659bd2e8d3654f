"""The loop: checkpoints, what --resume does again, Ctrl-C, and processes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from gradverify.verification.experiments.nri import training_session
from gradverify.verification.experiments.nri.dataset import DataSpec
from gradverify.verification.experiments.nri.job_outcome import Outcome
from gradverify.verification.experiments.nri.training import Arm, Training
from gradverify.verification.experiments.nri.training_plan import TUTORIAL_RULE, Job, Plan
from gradverify.verification.experiments.nri.training_session import run_plan


def plan(*estimators: str, seeds: int = 1) -> Plan:
    jobs = tuple(Job(arm=Arm(estimator=name, steps=3), seed=seed) for name in estimators for seed in range(seeds))
    spec = DataSpec(particles=3, frames=3, train=4, valid=2, test=2)
    return Plan(size="small", data=spec, training=Training(hidden=8, batch=2), jobs=jobs)


def without_clocks(outcomes: list[Outcome]) -> list[str]:
    """As text: an error that could not be had is NaN, which equals nothing."""
    return [repr(each.trained and replace(each, trained=replace(each.trained, seconds=0.0))) for each in outcomes]


def test_a_study_that_is_resumed_is_the_one_that_was_not_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, complete = run_plan(plan("reinmax", "leave_one_out"), cache=tmp_path)
    assert complete
    trained: list[str] = []
    train = training_session.train

    def interrupted(arm: Arm, *rest: object, **options: object) -> object:
        if trained:
            raise KeyboardInterrupt
        trained.append(arm.estimator)
        return train(arm, *rest, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(training_session, "train", interrupted)
    options = {"cache": tmp_path, "checkpoints": tmp_path / "kept"}
    begun, complete = run_plan(plan("reinmax", "leave_one_out"), **options)  # type: ignore[arg-type]
    assert not complete
    assert without_clocks(begun) == without_clocks(whole[:1])
    monkeypatch.setattr(
        training_session, "train", lambda arm, *rest, **more: trained.append(arm.estimator) or train(arm, *rest, **more)
    )
    resumed, complete = run_plan(plan("reinmax", "leave_one_out"), resume=True, **options)  # type: ignore[arg-type]
    assert complete
    assert trained == ["reinmax", "leave_one_out"]
    assert without_clocks(resumed) == without_clocks(whole)


def test_without_resume_everything_is_done_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run_plan(plan("reinmax"), cache=tmp_path, checkpoints=tmp_path)
    monkeypatch.setattr(training_session, "train", lambda *rest, **more: pytest.fail("trained"))
    run_plan(plan("reinmax"), cache=tmp_path, checkpoints=tmp_path, resume=True)
    with pytest.raises(pytest.fail.Exception, match="trained"):
        run_plan(plan("reinmax"), cache=tmp_path, checkpoints=tmp_path)


def test_processes_change_nothing(tmp_path: Path) -> None:
    told: list[tuple[int, int, str]] = []
    asked = plan("straight_through", TUTORIAL_RULE)
    alone, _ = run_plan(asked, cache=tmp_path)
    spread, complete = run_plan(asked, cache=tmp_path, workers=1, progress=lambda *each: told.append(each))
    assert complete
    assert without_clocks(spread) == without_clocks(alone)
    assert told[0] == (0, 6, "simulating")


def test_training_has_one_thread_wherever_it_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sum of floats depends on how many threads share it, and training makes much of a last digit."""
    seen: list[int] = []
    train = training_session.train
    monkeypatch.setattr(
        training_session, "train", lambda *rest, **more: seen.append(torch.get_num_threads()) or train(*rest, **more)
    )
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        run_plan(plan("reinmax"), cache=tmp_path)
        assert (seen, torch.get_num_threads()) == ([1], 2)
    finally:
        torch.set_num_threads(before)


def test_a_job_whose_worker_died_is_a_crash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = plan("reinmax", "leave_one_out")
    monkeypatch.setattr(
        training_session, "run_in_processes", lambda work, jobs, workers, listen: ((each, None) for each in jobs)
    )
    outcomes, complete = run_plan(asked, cache=tmp_path, checkpoints=tmp_path, workers=2)
    assert complete
    assert [each.status for each in outcomes] == ["crashed", "crashed"]
    assert "worker process died" in outcomes[0].note
    assert not list(tmp_path.glob("*.json"))


@pytest.mark.parametrize("raised", [SystemExit(3), ArithmeticError("no")])
def test_what_an_estimator_raises_ends_its_own_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, raised: Exception) -> None:
    def leave(*rest: object, **more: object) -> None:
        raise raised

    monkeypatch.setattr(training_session, "train", leave)
    outcomes, _ = run_plan(plan("reinmax"), cache=tmp_path)
    assert outcomes[0].status == "crashed"


def test_what_cannot_be_trained_is_an_outcome(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    outcomes, complete = run_plan(plan("agent_torch_categorical", "enumeration"), cache=tmp_path, checkpoints=tmp_path)
    assert complete
    assert [each.status for each in outcomes] == ["no gradient", "not applicable"]
    assert all(each.note and each.trained is None for each in outcomes)

    def crash(*rest: object, **more: object) -> None:
        raise ZeroDivisionError("no rows")

    monkeypatch.setattr(training_session, "train", crash)
    resumed, _ = run_plan(plan("agent_torch_categorical", "reinmax"), cache=tmp_path, checkpoints=tmp_path, resume=True)
    assert [(each.status, each.note) for each in resumed][1] == ("crashed", "ZeroDivisionError: no rows")
    assert resumed[0] == outcomes[0]


def test_a_crash_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(training_session, "train", lambda *rest, **more: 1 / 0)
        crashed, _ = run_plan(plan("reinmax"), cache=tmp_path, checkpoints=tmp_path)
    resumed, _ = run_plan(plan("reinmax"), cache=tmp_path, checkpoints=tmp_path, resume=True)
    assert [crashed[0].status, resumed[0].status] == ["crashed", "ok"]

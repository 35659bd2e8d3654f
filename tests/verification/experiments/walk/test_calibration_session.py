"""Sessions: the same results whatever the processes, interruptions and the other jobs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gradverify.verification.experiments.walk import calibration_session
from gradverify.verification.experiments.walk.calibration_session import Outcome, run_jobs
from gradverify.verification.experiments.walk.design import Design, Job, jobs
from gradverify.verification.experiments.walk.job_result import JobResult

from .designs import TINY, made_up


@pytest.fixture(scope="module")
def whole() -> Outcome:
    return run_jobs(TINY)


def assert_same(one: Outcome, other: Outcome) -> None:
    assert [each.job for each in one.results] == [each.job for each in other.results]
    for mine, theirs in zip(one.results, other.results, strict=True):
        assert np.array_equal(mine.theta, theirs.theta)
        assert mine.accuracy == theirs.accuracy
        assert all(np.array_equal(each, theirs.figures[name]) for name, each in mine.figures.items())


def test_processes_find_what_one_process_finds(whole: Outcome) -> None:
    assert whole.complete
    assert_same(run_jobs(TINY, workers=1), whole)


def test_a_job_alone_finds_what_it_finds_among_others(whole: Outcome) -> None:
    design = replace(TINY, estimators=("leave_one_out",))
    alone, other = run_jobs(design), run_jobs(replace(design, seed=1))
    assert np.array_equal(alone.results[0].theta, whole.results[1].theta)
    assert not np.array_equal(alone.results[0].theta, other.results[0].theta)


def test_resume_goes_on_where_an_interruption_came(tmp_path: Path, whole: Outcome, monkeypatch: pytest.MonkeyPatch) -> None:
    performed: list[Job] = []
    real = calibration_session.perform

    def once(job: Job, design: Design) -> JobResult:
        if performed:
            raise KeyboardInterrupt
        performed.append(job)
        return real(job, design)

    monkeypatch.setattr(calibration_session, "perform", once)
    cut = run_jobs(TINY, folder=tmp_path)
    assert not cut.complete
    assert [each.job for each in cut.results] == jobs(TINY)[:1]
    monkeypatch.setattr(calibration_session, "perform", lambda job, design: performed.append(job) or real(job, design))
    resumed = run_jobs(TINY, folder=tmp_path, resume=True)
    assert resumed.complete
    assert performed == jobs(TINY)
    assert_same(resumed, whole)


@pytest.mark.parametrize("changed", [{"seed": 1}, {"iterations": 4}, {"starts": (10.0,)}, {"batch": 8}, {"seeds": 3}])
def test_a_checkpoint_of_another_design_is_not_used(changed: dict[str, int]) -> None:
    job = jobs(TINY)[0]
    assert job.key(replace(TINY, **changed)) != job.key(TINY)  # type: ignore[arg-type]
    assert job.key(replace(TINY, estimators=("reinmax",), losses=("trajectory",))) == job.key(TINY)


def test_a_checkpoint_of_other_code_is_not_used(tmp_path: Path) -> None:
    target = tmp_path / "mine.py"
    target.write_text("mine = 1\n")
    job = Job(f"{target}:mine", "time", "mean")
    keys = [job.key(TINY)]
    target.write_text("mine = 2\n")
    keys.append(job.key(TINY))
    (tmp_path / "helper.py").write_text("")
    keys.append(job.key(TINY))
    assert len(set(keys)) == 3
    assert job.key(TINY) == keys[-1]


def test_a_crash_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    design = replace(TINY, estimators=("leave_one_out",))
    with monkeypatch.context() as patch:
        patch.setattr(calibration_session, "perform", lambda job, design: made_up(job, status="crashed"))
        crashed = run_jobs(design, folder=tmp_path)
    resumed = run_jobs(design, folder=tmp_path, resume=True)
    assert [crashed.results[0].status, resumed.results[0].status] == ["crashed", "descended"]


def test_a_job_whose_worker_died_is_a_crash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        calibration_session, "run_in_processes", lambda work, wanted, workers: ((each, None) for each in wanted)
    )
    found = run_jobs(TINY, workers=2, folder=tmp_path)
    assert found.complete
    assert {each.status for each in found.results} == {"crashed"}
    assert "worker process died" in found.results[0].note
    assert (found.results[0].theta[-1] == found.results[0].theta[0]).all()
    assert not list(tmp_path.iterdir())


def test_checkpoints_are_written_anew_unless_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    def pretend(wanted: list[Job], design: Design, workers: int) -> Iterator[JobResult]:
        for job in wanted:
            seen.append(job.estimator)
            yield made_up(job)

    monkeypatch.setattr(calibration_session, "_perform_all", pretend)
    told: list[int] = []
    run_jobs(TINY, folder=tmp_path)
    run_jobs(TINY, folder=tmp_path)
    run_jobs(TINY, folder=tmp_path, resume=True, progress=lambda done, total, name: told.append(done))
    assert len(seen) == 4
    assert told == []
    next(tmp_path.glob("*.json")).write_text("{")
    run_jobs(TINY, folder=tmp_path, resume=True, progress=lambda done, total, name: told.append(done))
    assert len(seen) == 5
    assert told == [2]

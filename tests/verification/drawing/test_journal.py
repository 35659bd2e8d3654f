"""The journal: a stopped run goes on where it was, to the record that it would have had."""

from __future__ import annotations

import json
import pickle
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from gradverify.estimators.registry import load_estimator
from gradverify.verification.cli import main
from gradverify.verification.drawing.executors import Failure, Inline
from gradverify.verification.drawing.journal import JOURNAL, Journal, fingerprint
from gradverify.verification.plan import settle
from gradverify.verification.problems import find_problems
from gradverify.verification.record.record import Record
from gradverify.verification.run.verification import Verification

from ..targets import programs

SETTINGS = settle()
NAMES = ["bernoulli:0.3/cubic/p", "bits:3/cubic/logits"]
IDENTITY = fingerprint(SETTINGS, {})


class Counting(Inline):
    """Counts the tasks that were run, and is interrupted at one of them."""

    def __init__(self, workbench: Any, stop_at: int | None = None) -> None:
        super().__init__(workbench)
        self.count, self._stop_at = 0, stop_at

    def next(self) -> tuple[Any, Any]:
        if self.count == self._stop_at:
            raise KeyboardInterrupt
        self.count += 1
        return super().next()


def a_run() -> Verification:
    chosen = {each: load_estimator(each) for each in ("leave_one_out", "score_function")}
    return Verification(chosen, find_problems(NAMES, quick=False), SETTINGS)


def execute(path: Path, *, resume: bool, stop_at: int | None = None) -> tuple[Record, int]:
    run = a_run()
    inner = Counting(run.workbench, stop_at)
    return run.execute(Journal(inner, path, IDENTITY, resume=resume)), inner.count


def plain(record: Record) -> Any:
    """The record without its clocks."""

    def stripped(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: stripped(each) for key, each in value.items() if key != "timing"}
        return [stripped(each) for each in value] if isinstance(value, list) else value

    return stripped(json.loads(record.to_json()))


def test_a_resumed_run_has_the_record_of_one_that_was_never_stopped(tmp_path: Path) -> None:
    whole, tasks = execute(tmp_path / "whole", resume=False)
    stopped, first = execute(tmp_path / "cut", resume=False, stop_at=tasks // 2)
    resumed, rest = execute(tmp_path / "cut", resume=True)
    assert not stopped.run.complete
    assert resumed.run.complete
    assert plain(resumed) == plain(whole)
    assert (first, rest) == (tasks // 2, tasks - tasks // 2)


def test_without_resume_a_run_begins_anew(tmp_path: Path) -> None:
    _, tasks = execute(tmp_path / "base", resume=False)
    assert execute(tmp_path / "base", resume=False)[1] == tasks


def test_answers_of_another_run_are_refused_by_what_differs(tmp_path: Path) -> None:
    execute(tmp_path / "base", resume=False)
    run = a_run()
    other = fingerprint(settle(seed=1), {"a.py:b": "0"})
    with pytest.raises(ValueError, match="differs in seed, sources"):
        Journal(Inline(run.workbench), tmp_path / "base", other, resume=True)


@pytest.mark.parametrize(("targets", "problems", "said"), [(["a"], ["p"], "targets"), (["b", "a"], [], "problems")])
def test_a_run_over_less_is_another_run(tmp_path: Path, targets: list[str], problems: list[str], said: str) -> None:
    run = a_run()
    whole = fingerprint(SETTINGS, {}, targets=["a", "b"], problems=["p"])
    Journal(Inline(run.workbench), tmp_path / "base", whole, resume=False).close()
    with pytest.raises(ValueError, match=f"differs in {said};"):
        Journal(
            Inline(run.workbench), tmp_path / "base", fingerprint(SETTINGS, {}, targets=targets, problems=problems), resume=True
        )
    same = fingerprint(SETTINGS, {}, targets=["b", "a"], problems=["p"])
    Journal(Inline(run.workbench), tmp_path / "base", same, resume=True).close()


def test_the_time_limit_is_no_difference() -> None:
    assert fingerprint(settle(budget=5.0), {}) == IDENTITY


def test_a_file_that_is_no_journal_is_refused(tmp_path: Path) -> None:
    (tmp_path / "base").write_text("something else", encoding="utf-8")
    with pytest.raises(OSError, match="cannot be used"):
        Journal(Inline(a_run().workbench), tmp_path / "base", IDENTITY, resume=True)


class Exploit:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("harm", ["pickle", "cut", "another task's", "edited"])
def test_an_answer_that_is_not_what_was_written_is_dropped_and_runs_nothing(tmp_path: Path, harm: str) -> None:
    whole, tasks = execute(tmp_path / "whole", resume=False)
    execute(tmp_path / "cut", resume=False, stop_at=tasks // 2)
    with sqlite3.connect(tmp_path / "cut") as base:
        (first, text, digest), (_, other, others) = base.execute("SELECT task, result, digest FROM results").fetchall()[:2]
        changed = {
            "pickle": (pickle.dumps(Exploit(tmp_path / "owned")), digest),
            "cut": (text[:-9], digest),
            "another task's": (other, others),
            "edited": (text + " ", digest),
        }[harm]
        base.execute("UPDATE results SET result = ?, digest = ? WHERE task = ?", (*changed, first))
    base.close()
    with pytest.warns(RuntimeWarning, match="is damaged .* the task is done again"):
        resumed, rest = execute(tmp_path / "cut", resume=True)
    assert plain(resumed) == plain(whole)
    assert rest == tasks - tasks // 2 + 1
    assert not (tmp_path / "owned").exists()


def test_failures_are_tried_again(tmp_path: Path) -> None:
    class Failing(Inline):
        def next(self) -> tuple[Any, Any]:
            return self._queue.popleft()[0], Failure("crashed", "for once")

    run = a_run()
    run.execute(Journal(Failing(run.workbench), tmp_path / "base", IDENTITY, resume=False))
    record, _ = execute(tmp_path / "base", resume=True)
    assert {each.status for each in record.cells} == {"ok"}


def test_a_journal_that_cannot_be_written_ends_no_run(tmp_path: Path) -> None:
    run = a_run()
    journal = Journal(Inline(run.workbench), tmp_path / "base", IDENTITY, resume=False)
    journal._base.execute("PRAGMA max_page_count = 1")  # sqlite then allows no page beyond those it has
    with pytest.warns(RuntimeWarning, match="given up"):
        record = run.execute(journal)
    assert record.run.complete


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(each) for each in arguments])


COMMAND = ("verify", "leave_one_out", "--workers", "0", "--problem", NAMES[0])


def test_the_command_resumes_and_cleans_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(self: Inline) -> tuple[Any, Any]:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Inline, "next", stopped)
        assert invoke(*COMMAND, "--out", tmp_path).exit_code == 130
    assert (tmp_path / JOURNAL).exists()
    found = invoke(*COMMAND, "--out", tmp_path, "--resume")
    assert found.exit_code == 0, found.output
    assert "0 tasks were answered before" in found.stderr
    assert not (tmp_path / JOURNAL).exists()
    assert Record.read(tmp_path / "report.json").run.complete


def test_where_there_is_nothing_to_resume_it_is_said(tmp_path: Path) -> None:
    """Not as a resumed run of which nothing was answered: what the folder holds is replaced."""
    empty = invoke(*COMMAND, "--out", tmp_path, "--resume")
    assert f"nothing to resume in {tmp_path}: it holds no unfinished run; this one starts anew" in empty.stderr
    complete = invoke(*COMMAND, "--seed", "1", "--out", tmp_path, "--resume")
    assert f"nothing to resume in {tmp_path}: its run is complete; this one starts anew" in complete.stderr
    assert "answered before" not in empty.stderr + complete.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--resume",), "--resume needs --out"),
        (("--exact", "--out", "x", "--resume"), "--exact draws no rows"),
        (("--dask", "tcp://127.0.0.1:1", "--workers", "1"), "leave --workers"),
    ],
)
def test_options_that_cannot_be_meant_together_are_refused(options: tuple[str, ...], said: str) -> None:
    found = invoke("verify", "leave_one_out", "--problem", NAMES[0], *options)
    assert found.exit_code == 2
    assert said in found.stderr


@pytest.mark.parametrize("changed", ["mine.py", "helper.py"])
def test_a_changed_file_cannot_be_resumed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changed: str) -> None:
    source = Path(programs.__file__).read_text(encoding="utf-8")
    target = tmp_path / "mine.py"
    target.write_text(source, encoding="utf-8")
    # Code of the user's is drawn from in a process of its own unless it is not isolated.
    options = ("--workers", "0", "--no-isolate", "--out", tmp_path / "out")
    command = ("verify", "score_function", "--problem", f"{target}:FAIR", *options)

    def stopped(self: Inline) -> tuple[Any, Any]:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Inline, "next", stopped)
        invoke(*command)
    with (tmp_path / changed).open("a", encoding="utf-8") as file:
        file.write("\n")
    found = invoke(*command, "--resume")
    assert found.exit_code == 2
    assert "differs in sources" in found.stderr


def test_the_journal_of_a_finished_task_survives_a_kill(tmp_path: Path) -> None:
    """Every answer is committed before the next is waited for: another connection sees it while the run goes on."""
    run = a_run()
    seen: list[int] = []

    class Watching(Inline):
        def next(self) -> tuple[Any, Any]:
            with sqlite3.connect(tmp_path / "base") as other:
                seen.append(other.execute("SELECT count(*) FROM results").fetchone()[0])
            other.close()
            return super().next()

    run.execute(Journal(Watching(run.workbench), tmp_path / "base", IDENTITY, resume=False))
    assert seen == list(range(len(seen)))

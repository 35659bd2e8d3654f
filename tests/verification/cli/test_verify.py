"""The command line: exit statuses, one sentence for everything that a user can mend, and nothing written half-way."""

from __future__ import annotations

import errno
import json
import os
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner, Result

from gradverify.estimators import ESTIMATORS
from gradverify.verification.cli import main
from gradverify.verification.problems import registered_problems
from gradverify.verification.record.record import Record

from ..targets import programs, wrong

BIT = "bernoulli:0.3/cubic/p"
QUICK = ("--workers", "0", "--problem", BIT)


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(main, [str(each) for each in arguments])


def refused(result: Result) -> str:
    """The sentence with which a command refuses; a traceback, another status or more than one sentence fails."""
    assert result.exit_code == 2, result.output
    assert result.exception is None or isinstance(result.exception, SystemExit)
    assert "Traceback" not in result.output
    assert result.stdout == ""
    (said,) = re.findall(r"^Error: (.+)\Z", result.stderr.strip(), flags=re.MULTILINE | re.DOTALL)
    assert "\n" not in said
    return str(said)


def without_clocks(path: Path) -> Any:
    def strip(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: strip(each) for key, each in value.items() if key not in ("timing", "command", "replay")}
        return [strip(each) for each in value] if isinstance(value, list) else value

    return strip(json.loads(path.read_text()))


def test_lists() -> None:
    assert invoke("list", "problems").stdout.split() == list(registered_problems())
    lines = invoke("list", "estimators").stdout.splitlines()
    assert [each.split()[0] for each in lines][: len(ESTIMATORS)] == list(ESTIMATORS)
    assert next(each for each in lines if each.startswith("agent_torch_categorical ")).split()[1] == "no-gradient"


def test_a_list_of_problems_takes_no_record(tmp_path: Path) -> None:
    record = tmp_path / "report.json"
    record.touch()
    assert "--record makes the table of estimators" in refused(invoke("list", "problems", "--record", str(record)))


def test_verify_writes_every_report_and_prints_the_summary_alone(tmp_path: Path) -> None:
    out = tmp_path / "new" / "folder"
    result = invoke("verify", "leave_one_out", "straight_through", *QUICK, "--out", out)
    assert result.exit_code == 0, result.output
    assert {each.name for each in out.iterdir()} >= {"report.json", "report.md", "report.html", "junit.xml"}
    assert not [each for each in out.iterdir() if each.name.startswith(".")]
    record = Record.read(out / "report.json")
    assert [each.estimator for each in record.cells] == ["references", "leave_one_out", "straight_through"]
    assert f"report: {out / 'report.html'}" in result.stdout
    assert "leave_one_out" in result.stdout
    assert re.fullmatch(r"(\d+ of \d+ cells decided\n)+", result.stderr)


def test_a_report_may_be_written_over_an_earlier_one_and_rendered_again(tmp_path: Path) -> None:
    for _ in range(2):
        assert invoke("verify", "leave_one_out", *QUICK, "--out", tmp_path).exit_code == 0
    pages = {each.name: each.read_bytes() for each in tmp_path.iterdir()}
    (tmp_path / "report.html").unlink()
    result = invoke("report", tmp_path / "report.json")
    assert result.exit_code == 0
    assert str(tmp_path / "report.html") in result.stdout.split()
    assert {each.name: each.read_bytes() for each in tmp_path.iterdir()} == pages
    elsewhere = tmp_path / "elsewhere"
    for _ in range(2):
        assert invoke("report", tmp_path / "report.json", "--out", elsewhere).exit_code == 0
    assert (elsewhere / "report.html").read_bytes() == pages["report.html"]


def test_a_folder_that_is_used_again_keeps_no_picture_of_the_run_before(tmp_path: Path) -> None:
    def drawn(folder: Path) -> set[str]:
        return {each.name for each in folder.glob("*.svg")}

    assert invoke("verify", "straight_through", *QUICK, "--out", tmp_path / "a").exit_code == 0
    before = drawn(tmp_path / "a")
    elsewhere = ("--workers", "0", "--problem", "bits:3/cubic", "--out", tmp_path / "b")
    assert invoke("verify", "straight_through", *elsewhere).exit_code == 0
    fresh = drawn(tmp_path / "b")
    assert before - fresh
    assert invoke("report", tmp_path / "b", "--out", tmp_path / "a").exit_code == 0
    assert drawn(tmp_path / "a") == fresh
    assert invoke("verify", "straight_through", *QUICK, "--out", tmp_path / "b").exit_code == 0
    assert drawn(tmp_path / "b") == before


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (("leave_one_out",), 0),
        (("straight_through",), 0),
        (("straight_through", "--expect", "unbiased"), 1),
        ((f"{wrong.__file__}:CoupledRows",), 1),
        (("leave_one_out", "--tolerance", "0.001", "--budget", "0.2"), 3),
        ((f"{wrong.__file__}:Unfit", "leave_one_out"), 0),
    ],
    ids=lambda each: " ".join(each).rpartition("/")[2] if isinstance(each, tuple) else None,
)
def test_exit_status_of_a_verdict(arguments: tuple[str, ...], status: int) -> None:
    assert invoke("verify", *arguments, *QUICK).exit_code == status


def test_a_run_in_which_nothing_applies_does_not_pass() -> None:
    result = invoke("verify", f"{wrong.__file__}:Unfit", *QUICK)
    assert "nothing was verified" in refused(result)


def test_exit_4_where_something_could_not_be_run(tmp_path: Path) -> None:
    broken = tmp_path / "broken.py"
    broken.write_text("def estimate(program, params, num_samples, generator):\n    raise OSError('no rows to spare')\n")
    result = invoke("verify", f"{broken}:estimate", "leave_one_out", *QUICK)
    assert result.exit_code == 4
    assert "no rows to spare" in result.stdout


TARGETS, PROBLEMS = wrong.__file__, programs.__file__

BAD_USE = [
    (("walker",), "unknown estimator 'walker'; expected a registered name (`gradverify list estimators` shows them)"),
    (("leave_on_out",), "unknown estimator 'leave_on_out'; did you mean leave_one_out"),
    (("mine.py",), "'mine.py' is a file; name what stands in it, as in mine.py:MyEstimator"),
    (("no_such_module:x",), "there is no module 'no_such_module' to import; install it"),
    (("nowhere.py:x",), "there is no file"),
    ((f"{TARGETS}:absent",), "has no attribute 'absent'; it has "),
    ((f"{TARGETS}:NOT_AN_ESTIMATOR",), "is a int, not an estimator; expected a callable"),
    (("leave_one_out", "--problem", "walk"), "unknown problem 'walk'; expected one of the families"),
    (("leave_one_out", "--problem", f"{PROBLEMS}:NOT_A_PROBLEM"), "is a str, not a problem; expected a "),
    (("leave_one_out", "--problem", f"{PROBLEMS}:no_problem"), "calling it raised RuntimeError: no data"),
    (
        ("leave_one_out", "--problem", f"{PROBLEMS}:shapeless"),
        "the program returned () for 8 rows; expected a tensor of shape (8,)",
    ),
    (
        ("leave_one_out", "--problem", f"{PROBLEMS}:raising"),
        "its program failed on 8 rows: ZeroDivisionError: no rows",
    ),
    (("leave_one_out", "--problem", f"{PROBLEMS}:not_finite"), "params are nan; expected finite numbers"),
    (("leave_one_out", "--problem", f"{PROBLEMS}:improbable"), "they must lie in [0, 1]"),
    (("leave_one_out", "--problem", f"{PROBLEMS}:continuous"), "problem 'continuous': its program failed on 8 rows: "),
    (("leave_one_out", "--problem", f"{PROBLEMS}:batchwise"), "no reference could be computed: IndexError: one row"),
    (
        ("leave_one_out", "--problem", "random_walk:-3"),
        "'-3' is not a size of random_walk; expected int, as 10; a size is at least 1",
    ),
    (("leave_one_out", "--alpha", "2"), "--alpha 2; expected a number above 0 and below 0.5"),
    (("leave_one_out", "--tolerance", "nan"), "--tolerance nan; expected"),
    (("leave_one_out", "--budget", "-1"), "--budget -1; expected"),
    (("leave_one_out", "--seed", "-1"), "--seed -1; expected a number that is not negative"),
    (
        ("leave_one_out", "straight_through", "--takes", "probs", "--truth", "relaxed"),
        "--takes and --truth apply only to foreign code, and none of the targets is foreign; remove",
    ),
    (("leave_one_out", "--objective", "relaxed"), "--truth applies only to foreign code"),
    (("leave_one_out", "--maximize"), "--maximize applies only to foreign code, and none of the targets is foreign; remove"),
    (
        (f"{TARGETS}:Forgetful", "--returns", "index"),
        "--returns applies only to foreign code, and none of the targets is foreign; remove",
    ),
    (("leave_one_out", "--profile", "slow"), "'slow' is not one of 'quick', 'standard', 'thorough'"),
    (("leave_one_out", "--workers", "-1"), "--workers -1; expected 0 for none, or a number of processes"),
]


def test_a_former_option_warns() -> None:
    assert "--objective is deprecated; give --truth" in invoke("verify", "leave_one_out", "--objective", "relaxed").stderr


@pytest.mark.parametrize(("arguments", "said"), BAD_USE, ids=[said[:40] for _, said in BAD_USE])
def test_bad_use_is_one_sentence_and_exit_2(arguments: tuple[str, ...], said: str, tmp_path: Path) -> None:
    result = invoke("verify", *arguments, "--out", tmp_path / "report")
    assert said in refused(result)
    assert not (tmp_path / "report" / "report.json").exists()


@pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU is there")
def test_a_device_that_is_not_there() -> None:
    assert "device 'cuda' was asked for and PyTorch sees none; use 'cpu'" in refused(
        invoke("verify", *QUICK, "--device", "cuda")
    )


def test_a_folder_that_holds_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("precious")
    said = refused(invoke("verify", "leave_one_out", *QUICK, "--out", tmp_path))
    assert "holds thesis.tex and no report of gradverify; give an empty or new folder" in said
    assert [each.name for each in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_folder_that_is_a_file_or_lies_below_one(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("precious")
    assert "is a file" in refused(invoke("verify", "leave_one_out", *QUICK, "--out", tmp_path / "file"))
    assert "cannot write or read" in refused(invoke("verify", "leave_one_out", *QUICK, "--out", tmp_path / "file" / "below"))


def test_a_folder_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root may write anywhere, so the refusal of the file system is played."""

    def denied(*_: Any, **__: Any) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(tmp_path))

    monkeypatch.setattr("tempfile.mkstemp", denied)
    said = refused(invoke("verify", "leave_one_out", *QUICK, "--out", tmp_path))
    assert said == f"cannot write or read ({tmp_path}): Permission denied"


@pytest.mark.parametrize("command", ["verify", "bench", "variance", "selftest"])
def test_a_folder_is_tried_before_the_run(command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By its own name, not by that of a temporary file in it."""

    def denied(*_: Any, prefix: str, **__: Any) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), f"{prefix}x1y2")

    monkeypatch.setattr("tempfile.mkstemp", denied)
    assert refused(invoke(command, "--out", tmp_path)) == f"cannot write or read ({tmp_path}): Read-only file system"


def test_a_full_disk_keeps_the_earlier_report_and_says_the_verdicts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert invoke("verify", "leave_one_out", *QUICK, "--out", tmp_path).exit_code == 0
    before = {each.name: each.read_bytes() for each in tmp_path.iterdir()}
    rename = os.replace

    def full(source: Any, target: Any) -> None:
        if Path(target).name == "report.json":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(target))
        rename(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", full)
        result = invoke("verify", "straight_through", *QUICK, "--out", tmp_path)
    assert result.exit_code == 2
    assert "straight_through" in result.stdout
    assert result.stderr.strip().endswith(f"({tmp_path}): No space left on device")
    assert "Traceback" not in result.output
    assert {name: (tmp_path / name).read_bytes() for name in before} == before
    # Nothing is drawn again once there is room: every answer is in the journal.
    monkeypatch.setattr("gradverify.verification.drawing.executors.perform_guarded", None)
    assert invoke("verify", "straight_through", *QUICK, "--out", tmp_path, "--resume").exit_code == 0
    assert {each.name for each in tmp_path.iterdir()} == set(before)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"schema_version": "0.1"}', "\x00\xff"])
def test_what_is_no_record_is_not_rendered(content: str, tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    path.write_text(content, encoding="latin-1")
    refused(invoke("report", path))
    assert [each.name for each in tmp_path.iterdir()] == ["report.json"]
    refused(invoke("report", tmp_path / "absent.json"))


def test_replay_repeats_the_cell(tmp_path: Path) -> None:
    """Same rows, same error rate, same verdict, from a run of several cells, some of a size that is not registered."""
    arguments = ("--workers", "0", "--problem", "bernoulli:0.4", "--problem", "random_walk:7/square/p", "--tolerance", "0.2")
    assert invoke("verify", "leave_one_out", *arguments, "--out", tmp_path / "whole").exit_code == 0
    for cell in Record.read(tmp_path / "whole" / "report.json").cells:
        if cell.estimator == "references":
            continue
        command = shlex.split(cell.replay)
        assert command[:3] == ["gradverify", "verify", "leave_one_out"]
        out = tmp_path / cell.problem.replace("/", "-")
        assert invoke(*command[1:], "--workers", "0", "--out", out).exit_code == 0
        (again,) = [each for each in Record.read(out / "report.json").cells if each.estimator != "references"]
        assert again.problem == cell.problem
        assert again.find("bias") == cell.find("bias")


def test_replay_of_a_standard_run_keeps_the_profile_s_tolerances(tmp_path: Path) -> None:
    arguments = ("--workers", "0", "--problem", BIT, "--profile", "standard", "--out", tmp_path)
    assert invoke("verify", "straight_through", *arguments).exit_code == 0
    (cell,) = [each for each in Record.read(tmp_path / "report.json").cells if each.estimator != "references"]
    assert "--tolerance" not in cell.replay
    assert "--profile standard" in cell.replay


def test_workers_change_nothing_in_the_record(tmp_path: Path) -> None:
    for workers in ("0", "2"):
        arguments = ("--problem", BIT, "--problem", f"{PROBLEMS}:FAIR", "--workers", workers, "--out", tmp_path / workers)
        assert invoke("verify", "leave_one_out", f"{TARGETS}:Forgetful", *arguments).exit_code == 0
    assert without_clocks(tmp_path / "0" / "report.json") == without_clocks(tmp_path / "2" / "report.json")


def test_a_runs_folder_stands_for_its_record(tmp_path: Path) -> None:
    assert invoke("verify", "leave_one_out", *QUICK, "--out", tmp_path).exit_code == 0
    assert invoke("compare", tmp_path, tmp_path / "report.json").exit_code == 0
    assert invoke("report", tmp_path).exit_code == 0
    (tmp_path / "report.json").unlink()
    assert "holds no report.json" in refused(invoke("report", tmp_path))

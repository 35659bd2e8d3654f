"""``gradverify experiment walk``: what it writes, and what it refuses."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner, Result

from gradverify.verification.cli import main
from gradverify.verification.record.record import Record

TINY = ("--estimator", "exact_gradient", "--start", "12", "--seeds", "2", "--steps", "2", "--split", "time", "--loss", "mean")

CRASHING = """
class Mine:
    def __call__(self, program, params, num_samples, generator):
        raise RuntimeError("boom")

mine = Mine()
"""


def invoke(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["experiment", "walk", *(str(each) for each in arguments)])


def test_a_run_is_written_and_gone_on_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gradverify.verification.report.write_reports", lambda record, folder: [])  # pictures take seconds
    out = tmp_path / "walk"
    first = invoke(*TINY, "--workers", "0", "--out", out)
    assert first.exit_code == 0, first.output
    read = Record.read(out / "report.json")
    assert read.run.complete
    assert read.studies[0].settings["starts"] == [12.0]
    (checkpoint,) = (out / "checkpoints").iterdir()
    before = checkpoint.stat().st_mtime_ns
    (out / "report.json").unlink()  # as after a kill: only checkpoints are left
    assert invoke(*TINY, "--workers", "0", "--out", out, "--resume").exit_code == 0
    assert checkpoint.stat().st_mtime_ns == before
    assert repr(Record.read(out / "report.json").studies[0].exhibits) == repr(read.studies[0].exhibits)


def test_a_crash_is_a_failure_of_the_command(tmp_path: Path) -> None:
    target = tmp_path / "mine.py"
    target.write_text(CRASHING)
    found = invoke("--estimator", f"{target}:mine", *TINY, "--workers", "0")
    assert found.exit_code == 4, found.output
    assert "something could not be run" in found.output
    assert "RuntimeError: boom" in found.output
    assert "was measured" not in found.output


def test_an_interruption_before_anything_is_done_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*rest: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("gradverify.verification.experiments.walk.calibration_session.perform", interrupted)
    found = invoke(*TINY, "--workers", "0", "--out", tmp_path)
    assert found.exit_code == 130
    assert "interrupted before there was a report to write" in found.output
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--estimator", "nonsense"), "unknown estimator 'nonsense'"),
        (("--resume",), "--resume needs --out"),
        (("--seeds", "1"), "--seeds"),
        (("--device", "cuda"), "finds no CUDA device"),
        (("--start", "nan"), "expected finite numbers"),
    ],
)
def test_wrong_usage_is_refused(arguments: tuple[str, ...], said: str) -> None:
    if "cuda" in arguments and torch.cuda.is_available():
        pytest.skip("there is a GPU")
    result = invoke(*arguments)
    assert result.exit_code == 2
    assert said in re.sub(r"\s+", " ", result.output)
    assert "Traceback" not in result.output


def test_what_is_asked_for_twice_is_done_once() -> None:
    found = invoke(*TINY, *TINY[:4], "--workers", "0")
    assert found.exit_code == 0, found.output
    assert found.output.count("1 of 1 calibrations") == 1


def test_a_folder_of_others_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("")
    result = invoke(*TINY, "--out", tmp_path)
    assert result.exit_code == 2
    assert "mine.txt" in result.output

"""The command line stopped by Ctrl-C: what is written, the exit status, and what ``--resume`` goes on with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from gradverify.verification.cli import verify
from gradverify.verification.record.record import Record

from .test_verify import QUICK, invoke, refused


@contextmanager
def impatient() -> Iterator[Callable[[int, int, str], None]]:
    """Progress that is interrupted at the first cell."""

    def told(done: int, total: int, name: str) -> None:
        raise KeyboardInterrupt

    yield told


def test_ctrl_c_writes_what_is_finished_and_exits_130(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify, "progress", impatient)
    result = invoke("verify", "leave_one_out", *QUICK, "--problem", "random_walk:10", "--out", tmp_path)
    assert result.exit_code == 130
    assert "Traceback" not in result.output
    record = Record.read(tmp_path / "report.json")
    assert not record.run.complete
    assert len(record.cells) == 14
    assert (tmp_path / "report.html").exists()


def test_ctrl_c_in_exact_mode_writes_the_cells_that_are_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify, "progress", impatient)
    result = invoke("verify", "leave_one_out", "straight_through", *QUICK, "--exact", "--out", tmp_path)
    assert result.exit_code == 130
    record = Record.read(tmp_path / "report.json")
    assert not record.run.complete
    assert [each.estimator for each in record.cells] == ["leave_one_out"]
    assert "--resume" not in result.stderr


def test_ctrl_c_before_there_is_anything_to_write_exits_130(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not with 1, which says that a claim is refuted."""

    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(verify, "assemble", interrupted)
    result = invoke("verify", "leave_one_out", *QUICK, "--out", tmp_path)
    assert result.exit_code == 130
    assert result.stderr.strip() == "interrupted before there was a report to write"
    assert list(tmp_path.iterdir()) == []


def test_an_unfinished_run_over_more_is_not_gone_on_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(verify, "progress", impatient)
        whole = ("verify", "leave_one_out", "straight_through", *QUICK, "--problem", "bernoulli:0.4/cubic")
        assert invoke(*whole, "--out", tmp_path).exit_code == 130
    less = invoke("verify", "leave_one_out", *QUICK, "--out", tmp_path, "--resume")
    assert "holds an unfinished run that differs in problems, targets; ask for the same run" in refused(less)
    assert invoke(*whole, "--out", tmp_path, "--resume").exit_code == 0

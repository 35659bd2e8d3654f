"""``gradverify bench``: the study that it writes, and the names that it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from gradverify.verification.cli import main
from gradverify.verification.cli.bench import TARGETS
from gradverify.verification.record.record import Record
from gradverify.verification.throughput import measurement

WALK = "random_walk:10/square/p"


def test_a_small_run_writes_its_study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measurement, "LEAST_SECONDS", 0.0)
    arguments = ["bench", "score_function", "--problem", WALK, "--rows", "64", "--blocks", "1", "--no-curves", "--no-peers"]
    result = CliRunner().invoke(main, [*arguments, "--out", str(tmp_path / "bench")])
    assert result.exit_code == 0, result.output
    (study,) = Record.read(tmp_path / "bench" / "report.json").studies
    assert study.name == "throughput"
    assert study.settings["rows"] == 64


def test_it_refuses_what_it_does_not_know() -> None:
    result = CliRunner().invoke(main, ["bench", "no_such_estimator"])
    assert result.exit_code == 2
    assert "no_such_estimator" in result.output


def test_default_targets_are_registered() -> None:
    from gradverify.estimators.registry import names

    assert set(TARGETS) <= set(names())

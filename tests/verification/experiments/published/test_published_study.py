"""The study of published numbers as a record, and its command."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from gradverify.verification.cli import main
from gradverify.verification.experiments.published import (
    polynomial_training as published_training,
)
from gradverify.verification.experiments.published import (
    toy_variances as published_toys,
)
from gradverify.verification.experiments.published import (
    walk_figure as published_walk,
)
from gradverify.verification.experiments.published.polynomial_training import Schedule
from gradverify.verification.experiments.published.published_study import published_study
from gradverify.verification.record.record import Record


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two lengths for ten, a long walk that is none, four estimators on three bits, one point of one bit."""
    monkeypatch.setattr(published_walk, "LENGTHS", (10, 20))
    monkeypatch.setattr(published_walk, "LONG", 30)
    monkeypatch.setattr(published_toys, "THREE_BIT_ESTIMATORS", published_toys.THREE_BIT_ESTIMATORS[:4])
    monkeypatch.setattr(published_toys, "ONE_BIT_POINTS", ((0.49, 0.5),))


def test_command_writes_record_and_reports(tmp_path: Path) -> None:
    out = tmp_path / "published"
    ran = CliRunner().invoke(main, ["experiment", "published", "--samples", "300", "--seed", "3", "--out", str(out)])
    assert ran.exit_code == 0, ran.output
    assert {"report.json", "report.md", "report.html", "published_walk.svg"} <= {each.name for each in out.iterdir()}
    record = Record.read(out / "report.json")
    (study,) = record.studies
    assert study.settings == {"samples": 300, "seed": 3, "false_fail_rate": 1e-3}
    assert len(study.statements) == 11
    assert not study.timing.tables
    assert record.run.seed == 3


def test_the_seed_alone_decides() -> None:
    told: list[tuple[int, int, str]] = []
    first = published_study(samples=300, seed=1, progress=lambda *each: told.append(each))
    assert first == published_study(samples=300, seed=1)
    assert told == [(1, 3, "walk"), (2, 3, "three bits"), (3, 3, "one bit")]


def test_training_is_opt_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gradverify.verification.report.write_reports", lambda record, folder: [])  # pictures take seconds
    tiny = Schedule(powers=(2.0,), dimension=2, epochs=1, steps=2, seeds=2)
    monkeypatch.setattr(published_training, "Schedule", lambda: tiny)
    arguments = ["--samples", "300", "--training", "--workers", "0", "--out", str(tmp_path)]
    ran = CliRunner().invoke(main, ["experiment", "published", *arguments])
    assert ran.exit_code == 0, ran.output
    record = Record.read(tmp_path / "report.json")
    (study,) = record.studies
    assert record.run.dtype == "float32, float64"
    assert study.settings["training"]["dimension"] == 2
    assert [each.name for each in study.exhibits.charts] == ["published_walk", "published_polynomial_2"]
    assert len(study.statements) == 14
    assert "8 of 8 parts" in ran.output


@pytest.mark.parametrize("arguments", [["--samples", "10"], ["--out", __file__]])
def test_wrong_use_is_refused(arguments: list[str]) -> None:
    ran = CliRunner().invoke(main, ["experiment", "published", *arguments])
    assert ran.exit_code == 2

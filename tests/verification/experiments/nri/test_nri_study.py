"""The study: what its statements say of good and of bad models, its tables and charts, and the command."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gradverify.verification.cli import main
from gradverify.verification.experiments.nri import gradient, nri_record, training_plan
from gradverify.verification.experiments.nri.job_outcome import Outcome
from gradverify.verification.experiments.nri.nri_study import nri_study
from gradverify.verification.experiments.nri.training import Arm
from gradverify.verification.experiments.nri.training_plan import Job
from gradverify.verification.record.record import Record

from .outcomes import PLAN, outcome
from .test_training_session import plan as tiny

SESSION = "gradverify.verification.experiments.nri.training_session"


@pytest.fixture(autouse=True)
def _few_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fewer replicates of the six edges' gradient than a study draws."""
    monkeypatch.setattr(gradient, "ROWS", 1024)


def test_what_could_not_be_trained_stands_in_the_study() -> None:
    refused = Outcome(job=Job(arm=Arm(estimator="relax"), seed=0), trained=None, status="not applicable", note="why")
    study = nri_study(PLAN, [refused, replace(refused, job=Job(arm=Arm(estimator="relax"), seed=1))])
    table = next(each for each in study.exhibits.tables if "could not" in each.title)
    assert table.rows == (("relax", "not applicable", "why"),)
    assert [(each.outcome, each.measured) for each in study.statements] == [("fails", "not applicable")]


def test_charts_show_means_and_spread_and_networks_apart() -> None:
    arms = (Arm(estimator="reinmax"), Arm(estimator="reinmax", encoder="cnn", decoder="rnn"))
    study = nri_study(PLAN, [outcome(arm, seed, 0.8 + seed / 10) for arm in arms for seed in (0, 1)])
    charts = {each.name: each for each in study.exhibits.charts}
    assert len(charts) == 8
    line, chance = charts["nri-accuracy-mlp-mlp"].series
    # One estimator has one label, and so one colour, whatever the networks.
    assert (line.label, charts["nri-accuracy-cnn-rnn"].series[0].label) == ("reinmax", "reinmax")
    assert "CNN/RNN" in charts["nri-accuracy-cnn-rnn"].title
    assert (line.low[-1], line.y[-1], line.high[-1]) == pytest.approx((0.8, 0.85, 0.9))
    assert (chance.style, chance.y) == ("dashed", (0.5, 0.5))
    assert charts["nri-kl-as-plotted-mlp-mlp"].series[-1].y[0] == pytest.approx(-4 * math.log(2))
    scores_table = study.exhibits.tables[0]
    row = dict(zip(scores_table.columns, scores_table.rows[0], strict=True))
    assert row["accuracy"] == pytest.approx(0.85)
    assert row["MSE, 20 steps"] is None
    assert "seconds" in study.timing.tables[0].columns[1]


def test_a_curve_that_is_the_beginning_of_another_is_left_out() -> None:
    arms = (Arm(estimator="reinmax"), Arm(estimator="reinmax", steps=1700), Arm(estimator="leave_one_out"))
    charts = nri_study(PLAN, [outcome(arm, 0, 0.8) for arm in arms]).exhibits.charts
    assert [each.label for each in charts[0].series] == ["reinmax", "leave_one_out", "chance"]
    assert charts[0].series[-1].x == (0.0, 1700.0)
    assert [each.x[0] for each in (charts[0].series[0], charts[1].series[0])] == [0.0, 416.0]


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["experiment", "nri", *map(str, arguments)])


@pytest.fixture
def _tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command with the smallest study there is."""
    monkeypatch.setattr(training_plan, "make_plan", lambda size, *, estimators, **rest: tiny(*(estimators or ("reinmax",))))


@pytest.mark.usefixtures("_tiny")
def test_the_command_writes_a_report_and_resumes_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out, options = tmp_path / "out", ("--workers", 0, "--cache", tmp_path / "cache")
    result = invoke("--estimator", "leave_one_out", "--out", out, *options)
    assert result.exit_code == 0, result.output
    found = Record.read(out / "report.json")
    assert found.studies[0].name == "relational-inference"
    assert found.run.complete
    assert {each.name for each in out.iterdir()} >= {"report.md", "report.html", "nri-accuracy-mlp-mlp.png", "checkpoints"}
    for each in out.iterdir():  # as after a kill: checkpoints, and nothing else
        if each.is_file():
            each.unlink()
    refused = " ".join(invoke("--out", out, *options).stderr.split())
    assert "holds checkpoints and no report" in refused
    assert "--resume goes on with what was stopped" in refused
    monkeypatch.setattr(f"{SESSION}.train", lambda *rest, **more: pytest.fail("trained"))
    again = invoke("--estimator", "leave_one_out", "--out", out, "--resume", *options)
    assert again.exit_code == 0, again.output
    assert Record.read(out / "report.json").studies[0].exhibits.tables[:1] == found.studies[0].exhibits.tables[:1]


@pytest.mark.usefixtures("_tiny")
def test_a_crash_is_a_failure_of_the_command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(f"{SESSION}.train", lambda *rest, **more: 1 / 0)
    result = invoke("--workers", 0, "--cache", tmp_path)
    assert result.exit_code == 4
    assert "something could not be run" in result.output
    assert "was measured" not in result.output


@pytest.mark.usefixtures("_tiny")
def test_an_interrupted_study_is_written_and_marked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nri_record, "run_plan", lambda asked, **rest: ([outcome(Arm(estimator="reinmax"), 0, 0.8)], False))
    result = invoke("--out", tmp_path, "--workers", 0)
    assert result.exit_code == 130
    assert not Record.read(tmp_path / "report.json").run.complete
    monkeypatch.setattr(nri_record, "run_plan", lambda asked, **rest: ([], False))
    result = invoke("--out", tmp_path, "--workers", 0)
    assert result.exit_code == 130
    assert "interrupted before there was a report to write" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("--estimator", "nobody"), "unknown estimator 'nobody'"),
        (("--resume",), "--resume needs --out"),
        (("--device", "cuda"), "finds no CUDA device"),
        (("--steps", "0"), "--steps"),
        (("--encoder", "gnn"), "--encoder"),
    ],
)
def test_wrong_use_is_refused(arguments: tuple[str, ...], text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    result = invoke(*arguments)
    assert result.exit_code == 2
    assert text in result.stderr
    assert "Traceback" not in result.output

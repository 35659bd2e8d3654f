"""Checkpoints of outcomes: broken ones, foreign ones, and those of other code."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from gradverify.verification.experiments.nri.job_outcome import outcome_files
from gradverify.verification.experiments.nri.training_session import run_plan

from .test_training_session import plan, without_clocks


def test_a_broken_or_foreign_checkpoint_counts_as_none(tmp_path: Path) -> None:
    asked = plan("reinmax")
    outcomes, _ = run_plan(asked, cache=tmp_path, checkpoints=tmp_path)
    path = outcome_files(tmp_path, asked, "cpu")[asked.jobs[0]]
    path.write_text(path.read_text()[:-20])
    again, _ = run_plan(asked, cache=tmp_path, checkpoints=tmp_path, resume=True)
    assert without_clocks(again) == without_clocks(outcomes)
    other = replace(asked, training=replace(asked.training, rate=1e-3))
    assert outcome_files(tmp_path, other, "cpu")[other.jobs[0]] != path
    assert outcome_files(tmp_path, asked, "cuda")[asked.jobs[0]] != path


def test_a_checkpoint_of_other_code_counts_as_none(tmp_path: Path) -> None:
    target = tmp_path / "mine.py"
    target.write_text("from gradverify.estimators.reinmax import ReinMax\n\nmine = ReinMax()\n")
    asked = plan(f"{target}:mine")
    before = outcome_files(tmp_path, asked, "cpu")
    assert outcome_files(tmp_path, asked, "cpu") == before
    (tmp_path / "helper.py").write_text("SCALE = 2\n")
    assert set(outcome_files(tmp_path, asked, "cpu").values()).isdisjoint(before.values())

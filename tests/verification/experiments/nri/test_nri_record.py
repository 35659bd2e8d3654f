"""The record of a plan: crashed jobs are cells."""

from __future__ import annotations

from pathlib import Path

import pytest

from gradverify.verification.experiments.nri import nri_record
from gradverify.verification.experiments.nri.job_outcome import Outcome

from .outcomes import PLAN


def test_a_crashed_job_is_a_cell_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    crashed = [Outcome(job=each, trained=None, status="crashed", note="why") for each in PLAN.jobs[:2]]
    monkeypatch.setattr(nri_record, "run_plan", lambda plan, **options: (crashed, False))
    monkeypatch.setattr(nri_record, "nri_study", lambda plan, outcomes: None)
    record = nri_record.nri_record(PLAN, command="gradverify", cache=tmp_path)
    assert not record.run.complete
    assert [each.status for each in record.cells] == ["crashed", "crashed"]
    assert len({each.problem for each in record.cells}) == 2
    assert record.cells[0].problem == "relational_inference/springs-mlp-mlp/832-steps/seed-0"

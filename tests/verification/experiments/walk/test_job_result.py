"""Checkpoints: what is read is what was written, and a broken one is none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gradverify.verification.experiments.walk.design import Job
from gradverify.verification.experiments.walk.job_result import load, save

from .designs import made_up

RESULT = made_up(Job("leave_one_out", "time", "mean"), end=1 / 3, bias=float("nan"))


def test_a_checkpoint_gives_the_result_back(tmp_path: Path) -> None:
    save(RESULT, tmp_path / "one.json")
    found = load(tmp_path / "one.json")
    assert found is not None
    assert found.job == RESULT.job
    assert repr(found.accuracy) == repr(RESULT.accuracy)  # NaN equals nothing, its text does
    assert np.array_equal(found.theta, RESULT.theta)
    assert all(np.array_equal(found.figures[name], each) for name, each in RESULT.figures.items())
    assert list(tmp_path.iterdir()) == [tmp_path / "one.json"]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"job": 3}', "null"])
def test_a_broken_checkpoint_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "one.json").write_text(text)
    assert load(tmp_path / "one.json") is None
    assert load(tmp_path / "missing.json") is None

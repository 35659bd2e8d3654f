"""One job: what moves theta, what cannot, and what breaks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gradverify.verification.experiments.walk.calibration_job import perform
from gradverify.verification.experiments.walk.design import EXACT, Job

from .designs import TINY

BROKEN = """
def broken(program, params, num_samples, generator):
    raise ArithmeticError("no such sum")
def endless(program, params, num_samples, generator):
    return params.expand(num_samples) * float("nan")
"""


@pytest.mark.parametrize("name", [EXACT, "leave_one_out", "gumbel_softmax"])
def test_theta_moves_towards_the_truth(name: str) -> None:
    found = perform(Job(name, "time", "mean"), replace(TINY, batch=64))
    assert found.status == "descended"
    assert found.theta.shape == (4, 2, 2)
    assert (found.theta[0].mean(1) == TINY.starts).all()
    assert (abs(found.theta[-1] - 20) < abs(found.theta[0] - 20)).all()
    assert found.seconds > 0 < found.cpu_seconds
    assert len(found.accuracy) == (0 if name == EXACT else 3)


def test_the_tutorials_rules_do_not_move_theta() -> None:
    shipped = perform(Job("agent_torch_categorical", "time", "mean"), TINY)
    assert shipped.status == "no gradient"
    assert "carries none" in shipped.note
    assert shipped.figures["error"].tolist() == [[10.0, 10.0], [10.0, 10.0]]
    floating = perform(Job("agent_torch_categorical_float", "time", "mean"), TINY)
    assert floating.status == "descended"
    assert abs(floating.theta - floating.theta[0]).max() < 1e-5


@pytest.mark.parametrize(
    ("name", "status"), [("broken", "crashed"), ("endless", "not finite"), ("enumeration", "not applicable")]
)
def test_what_breaks_is_said(name: str, status: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text(BROKEN)
    target = name if name == "enumeration" else f"{path}:{name}"
    found = perform(Job(target, "time", "mean"), TINY)
    assert found.status == status
    if status == "crashed":
        assert found.note == "ArithmeticError: no such sum"
        assert np.array_equal(found.theta[-1], found.theta[0])

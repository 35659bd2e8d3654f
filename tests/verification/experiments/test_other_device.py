"""On a stand-in for an accelerator: both experiments stay there, and find what they find on the CPU."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gradverify.verification.experiments.nri.dataset import DataSpec, generate
from gradverify.verification.experiments.nri.training import Arm, Training, train
from gradverify.verification.experiments.walk.calibration_job import perform
from gradverify.verification.experiments.walk.design import EXACT, Job

from ...estimators.other_device import OTHER, other_device
from .walk.designs import TINY

DATA = generate(DataSpec(particles=3, frames=14, train=12, valid=2, test=2))
TRAINING = Training(hidden=8, batch=2)
SHORT = replace(TINY, iterations=1)


@pytest.mark.parametrize(
    ("estimator", "encoder", "decoder"),
    [
        ("leave_one_out", "cnn", "rnn"),
        ("agent_torch_categorical_float", "mlp", "mlp"),
    ],
)
def test_training_there_is_training_here(estimator: str, encoder: str, decoder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    arm = Arm(estimator=estimator, encoder=encoder, decoder=decoder, steps=2)
    here = train(arm, TRAINING, DATA, 0)
    with other_device(monkeypatch) as waits:
        there = train(arm, TRAINING, DATA, 0, device=OTHER.type)
        many = len(waits)
        train(replace(arm, steps=1), TRAINING, DATA, 0, device=OTHER.type)
    assert replace(there, seconds=0.0) == replace(here, seconds=0.0)
    # One step more. PyTorch's own check of a one-hot distribution's probabilities waits once a step.
    assert many - (len(waits) - many) == (0 if estimator == "agent_torch_categorical_float" else 1)


@pytest.mark.parametrize("estimator", [EXACT, "straight_through"])
def test_calibration_there_is_calibration_here(estimator: str, monkeypatch: pytest.MonkeyPatch) -> None:
    job = Job(estimator, "time", "trajectory")
    here = perform(job, SHORT)
    with other_device(monkeypatch):
        there = perform(job, replace(SHORT, device=OTHER.type))
    assert there.status == here.status == "descended"
    np.testing.assert_allclose(there.theta, here.theta, rtol=0, atol=1e-9)
    for name, value in here.figures.items():
        np.testing.assert_allclose(there.figures[name], value, rtol=1e-9)

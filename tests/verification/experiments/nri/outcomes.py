"""Outcomes of trainings, made up."""

from __future__ import annotations

import math

from gradverify.verification.experiments.nri.job_outcome import Outcome
from gradverify.verification.experiments.nri.metrics import Scores
from gradverify.verification.experiments.nri.training import Arm, Point, Trained
from gradverify.verification.experiments.nri.training_plan import Job, make_plan

PLAN = make_plan()


def scores(accuracy: float, kl: float, nll: float) -> Scores:
    return Scores(accuracy=accuracy, raw_accuracy=1 - accuracy, nll=nll, nll_one_step=nll / 10, kl=kl, kl_plotted=kl - 2.77)


def outcome(arm: Arm, seed: int, accuracy: float, *, kl: float = 2.0, falls: float = 4.0) -> Outcome:
    curve = tuple(
        Point(step=416 * k, epoch=13 * k, scores=scores(0.5 + k * (accuracy - 0.5) / 2, kl, 900.0 / (falls if k == 2 else 1)))
        for k in range(3)
    )
    errors = (1e-5, 1e-3, math.nan)
    trained = Trained(curve=curve, best=2, test=scores(accuracy, kl, 200.0), errors=errors, seconds=4.0)
    return Outcome(job=Job(arm=arm, seed=seed), trained=trained)

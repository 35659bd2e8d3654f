"""A design that takes a second, and results made up for it."""

from __future__ import annotations

import numpy as np

from gradverify.verification.experiments.walk.accuracy import Accuracy
from gradverify.verification.experiments.walk.design import Design, Job
from gradverify.verification.experiments.walk.job_result import JobResult

__all__ = ["TINY", "made_up"]

TINY = Design(
    estimators=("exact_gradient", "leave_one_out"),
    starts=(10.0, 30.0),
    seeds=2,
    splits=("time",),
    losses=("mean",),
    iterations=3,
    batch=4,
    replicates=8,
    trajectories=20,
)


def made_up(
    job: Job,
    *,
    end: float = 20.0,
    status: str = "descended",
    wasserstein: float = 0.1,
    ratio: float = 1.0,
    long_error: float = 0.0,
    bias: float = 0.0,
) -> JobResult:
    """A result of a design with the starts and seeds of `TINY`, every figure a little different from seed to seed."""
    shape = (len(TINY.starts), TINY.seeds)
    wiggle = np.array([0.0, 1e-3])
    values = {"error": abs(end - 20), "wasserstein": wasserstein, "variance_ratio": ratio, "long_error": long_error}
    rest = ("train_mse", "test_mse", "train_mean_mse", "test_mean_mse", "long_wasserstein", "long_ratio")
    others = dict.fromkeys(rest, wasserstein)
    start = np.repeat(np.array(TINY.starts)[:, None], TINY.seeds, 1)
    last = start if status == "no gradient" else np.full(shape, end)
    return JobResult(
        job=job,
        status=status,  # type: ignore[arg-type]
        theta=np.stack((start, last)),
        figures={name: np.full(shape, value) + wiggle for name, value in (values | others).items()},
        mean=np.zeros((101, *shape)),
        ratio=np.ones((100, *shape)),
        long_mean=np.zeros((51, *shape)),
        accuracy=tuple(Accuracy(each, 2.0, 2.0 + bias, 0.01, 1.0, 0.1, 100) for each in (*TINY.starts, 20.0)),
    )

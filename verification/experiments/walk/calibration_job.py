"""One job: descend from all starts with all seeds, and measure the result."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor

from ....estimators.protocol import NoGradientPathError, NotApplicableError
from ....estimators.registry import load_estimator
from ...seeds import chunk_generator, stable_repr
from ..crashed import DIED
from .accuracy import accuracy
from .baseline import Baseline, baseline
from .descent import descend, points
from .design import EXACT, Design, Job
from .fit import fit
from .gradients import batch_gradient
from .job_result import JobResult, Status
from .walk_losses import Target, exact_gradient

__all__ = ["crashed_result", "perform"]

Gradient = Callable[[Tensor, Tensor, torch.Generator], Tensor]


def perform(job: Job, design: Design) -> JobResult:
    """Calibrate one estimator under one split and loss; if it cannot move theta, theta stays at its start.

    Exceptions of an estimator become part of the result, because foreign code must not end the other calibrations.
    """
    data = baseline(design, job.split)
    status: Status
    try:
        return _calibrate(job, design, data, _gradient(job, design, data))
    except NoGradientPathError as error:
        status, note = "no gradient", str(error)
    except NotApplicableError as error:
        status, note = "not applicable", str(error)
    except (Exception, SystemExit) as error:
        status, note = "crashed", f"{type(error).__name__}: {error}"
    return _leave_at_start(job, design, data, status, note)


def crashed_result(job: Job, design: Design) -> JobResult:
    """Return the result of a job whose process died."""
    return _leave_at_start(job, design, baseline(design, job.split), "crashed", DIED)


def _leave_at_start(job: Job, design: Design, data: Baseline, status: Status, note: str) -> JobResult:
    return _result(job, design, data, points(design).unsqueeze(0).cpu(), status, note=note)


def _gradient(job: Job, design: Design, data: Baseline) -> Gradient:
    if job.estimator == EXACT:
        target = Target.of(data.train.repeat(len(design.starts), 1, 1))
        return lambda theta, paths, generator: exact_gradient(theta, target, job.loss)
    return batch_gradient(load_estimator(job.estimator), job.loss, design.batch)


def _calibrate(job: Job, design: Design, data: Baseline, gradient: Gradient) -> JobResult:
    paths = data.train.repeat(len(design.starts), 1, 1)
    generator = _generator(job, design, "descent")
    started, cpu_started = time.perf_counter(), time.process_time()
    theta = descend(lambda theta: gradient(theta, paths, generator), design)
    timing = {"seconds": time.perf_counter() - started, "cpu_seconds": time.process_time() - cpu_started}
    finite = bool(torch.isfinite(theta).all())
    measured = () if job.estimator == EXACT else accuracy(gradient, data, job.loss, design, _generator(job, design, "accuracy"))
    result = _result(job, design, data, theta, "descended" if finite else "not finite")
    return JobResult(**{**vars(result), "accuracy": measured, **timing})


def _generator(job: Job, design: Design, stage: Literal["descent", "accuracy"]) -> torch.Generator:
    """Return a generator of its own for each estimator with its hyper-parameters, split, loss and stage."""
    estimator = EXACT if job.estimator == EXACT else stable_repr(load_estimator(job.estimator))
    problem = f"calibration_walk/{job.split}/{job.loss}"
    return chunk_generator(design.seed, estimator, problem, "float64", stage, 0, design.device)


def _result(job: Job, design: Design, data: Baseline, theta: Tensor, status: Status, note: str = "") -> JobResult:
    found = fit(theta[-1], data)
    shape = (len(design.starts), design.seeds)
    return JobResult(
        job=job,
        status=status,
        note=note,
        theta=theta.reshape(-1, *shape).numpy(),
        figures={name: each.reshape(shape) for name, each in found.figures.items()},
        mean=found.mean.reshape(-1, *shape),
        ratio=found.ratio.reshape(-1, *shape),
        long_mean=found.long_mean.reshape(-1, *shape),
    )

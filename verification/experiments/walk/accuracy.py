"""Bias and variance of the gradient that the optimiser receives, at every start and at theta*."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ...problems.calibration_walk import SHIFT
from ...statistics.moments import Moments
from .baseline import Baseline
from .design import Design, Loss
from .walk_losses import Target, exact_gradient

__all__ = ["Accuracy", "accuracy"]

_ROWS = 8192


@dataclass(frozen=True)
class Accuracy:
    """Batch gradients at one point.

    Attributes:
        theta: The point.
        exact: The loss's gradient there, for the first seed's baseline.
        mean: Mean of the batches' gradients.
        error: Its standard error.
        variance: Variance of one batch's gradient.
        log_error: Standard error of the logarithm of that.
        batches: Number of batches.
    """

    theta: float
    exact: float
    mean: float
    error: float
    variance: float
    log_error: float
    batches: int


def accuracy(
    gradient: Callable[[Tensor, Tensor, torch.Generator], Tensor],
    baseline: Baseline,
    loss: Loss,
    design: Design,
    generator: torch.Generator,
) -> tuple[Accuracy, ...]:
    """Measure a batch gradient at every start and at theta*, against the first seed's baseline.

    Args:
        gradient: (theta, baselines, generator) -> one batch's gradient a point, as in the descent.
        baseline: Of every seed.
        loss: What is differentiated.
        design: Starts, batch and number of batches.
        generator: Source of randomness.
    """
    places = torch.tensor([*design.starts, SHIFT], dtype=torch.float64, device=design.device)
    first = baseline.train[:1]
    exact = exact_gradient(places, Target.of(first), loss)
    copies = max(1, _ROWS // (len(places) * design.batch))
    moments = Moments.empty(len(places))
    while (done := moments.count + moments.nonfinite) < design.replicates:
        theta = places.repeat(min(copies, design.replicates - done))
        rows = gradient(theta, first.expand(len(theta), -1, -1), generator).reshape(-1, len(places))
        moments = moments.merge(Moments.from_rows(rows.double().cpu(), first_row=done))
    return tuple(_at(moments, j, float(places[j]), float(exact[j])) for j in range(len(places)))


def _at(moments: Moments, place: int, theta: float, exact: float) -> Accuracy:
    """One point's figures; one batch that is not finite leaves none, for the mean of the others is another mean."""
    columns = (moments.mean, moments.standard_error, moments.variance, moments.log_variance_error())
    mean, error, variance, log_error = (math.nan if moments.nonfinite else float(each[place]) for each in columns)
    return Accuracy(theta, exact, mean, error, variance, log_error, moments.count)

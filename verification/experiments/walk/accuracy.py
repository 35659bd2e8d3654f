"""The bias and variance of the gradient that the optimiser receives, at every start and at theta*."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import repeat

import torch
from torch import Tensor

from ...drawing.rows import moments_at_looks
from ...problems.calibration_walk import SHIFT
from ...statistics.moments import Moments
from .baseline import Baseline
from .design import Design, Loss
from .walk_losses import Target, exact_gradient

__all__ = ["Accuracy", "accuracy"]

_ROWS = 8192


@dataclass(frozen=True)
class Accuracy:
    """The measured gradient of a batch at one point.

    Attributes:
        theta: The point.
        exact: The loss's gradient there, for the first seed's baseline.
        mean: The mean of the batches' gradients.
        error: The standard error of the mean.
        variance: The variance of one batch's gradient.
        log_error: The standard error of the logarithm of the variance.
        batches: The number of batches.
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
        gradient: A function (theta, baselines, generator) -> one batch's gradient per point, as in the descent.
        baseline: The baselines of all seeds.
        loss: The loss.
        design: The starts, the batch and the number of batches.
        generator: The source of randomness.
    """
    places = torch.tensor([*design.starts, SHIFT], dtype=torch.float64, device=design.device)
    first = baseline.train[:1]
    exact = exact_gradient(places, Target.of(first), loss)
    copies = max(1, _ROWS // (len(places) * design.batch))

    def draw(chunk: int, batches: int) -> list[Tensor]:
        theta = places.repeat(batches)
        return [gradient(theta, first.expand(len(theta), -1, -1), generator).reshape(-1, len(places)).double().cpu()]

    ((moments,),) = moments_at_looks(draw, repeat(copies), [design.replicates])
    return tuple(_at(moments, j, float(places[j]), float(exact[j])) for j in range(len(places)))


def _at(moments: Moments, place: int, theta: float, exact: float) -> Accuracy:
    """Return the figures of one point; all NaN if any batch was not finite, as the mean of the rest is another mean."""
    columns = (moments.mean, moments.standard_error, moments.variance, moments.log_variance_error())
    mean, error, variance, log_error = (math.nan if moments.nonfinite else float(each[place]) for each in columns)
    return Accuracy(theta, exact, mean, error, variance, log_error, moments.count)

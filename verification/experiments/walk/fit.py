"""The fit of a calibrated walk to its baseline, from exact laws, so that no figure has simulation noise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from ...problems.calibration_law import marginals, path_moments, positions
from ...problems.calibration_walk import SHIFT
from .baseline import Baseline
from .design import LONG_STEPS, PATH_STEPS
from .walk_losses import Target, exact_loss

__all__ = ["FigureName", "Fit", "fit", "wasserstein"]

Array = NDArray[np.float64]

FigureName = Literal[
    "error",
    "train_mse",
    "test_mse",
    "train_mean_mse",
    "test_mean_mse",
    "wasserstein",
    "variance_ratio",
    "long_error",
    "long_wasserstein",
    "long_ratio",
]
"""The name of a figure that a fit is described by, see `Fit`."""

_LONG_STRIDE = 20


@dataclass(frozen=True, eq=False)
class Fit:
    """The figures of calibrated parameters.

    Attributes:
        figures: The figures by name, ``[points]`` each. ``error``: |theta - theta*|; ``train_mse``, ``test_mse``: the squared
            error between a simulated and a baseline trajectory; ``train_mean_mse``, ``test_mean_mse``: that between the mean
            trajectories; ``wasserstein``: the distance of the marginals, averaged over the test steps; ``variance_ratio``:
            the simulated over the baseline's variance, test steps. After 1,000 steps against the law at theta*:
            ``long_error`` of the mean position, ``long_wasserstein``, ``long_ratio``.
        mean: The mean position at step 0 .. 100, ``[101, points]``.
        ratio: The variance over the baseline's at step 1 .. 100, ``[100, points]``.
        long_mean: The mean position at step 0, 20 .. 1000, ``[51, points]``.
    """

    figures: Mapping[FigureName, Array]
    mean: Array
    ratio: Array
    long_mean: Array


def fit(theta: Float[Tensor, "points"], baseline: Baseline) -> Fit:
    """Compare walks at theta with every point's own baseline.

    Args:
        theta: The points, ``[points]``, seeds innermost.
        baseline: The baselines of all seeds.
    """
    theta = theta.detach().double().cpu()
    repeats = len(theta) // len(baseline.train)
    train, test = (each.double().cpu().repeat(repeats, 1, 1) for each in (baseline.train, baseline.test))
    target = Target.of(train)
    moments = path_moments(theta, PATH_STEPS)
    long_mean, long = _long_run(theta)
    whole = _join_parts(train, test, baseline.test_start)
    seen = slice(baseline.test_start, None)
    centre = (moments.mean[seen] - test.mean(1).T) ** 2
    figures: dict[FigureName, Tensor] = {
        "error": (theta - SHIFT).abs(),
        "train_mse": exact_loss(theta, target, "trajectory"),
        "test_mse": (centre + moments.variance[seen] + test.var(1, correction=0).T).mean(0),
        "train_mean_mse": exact_loss(theta, target, "mean"),
        "test_mean_mse": centre.mean(0),
        "wasserstein": wasserstein(theta, test, baseline.test_start),
        "variance_ratio": moments.variance[seen].mean(0) / test.var(1, correction=0).mean(1),
        **long,
    }
    ratio = moments.variance / whole.var(1, correction=0).T
    mean = torch.nn.functional.pad(moments.mean, (0, 0, 1, 0))
    return Fit({name: each.numpy() for name, each in figures.items()}, mean.numpy(), ratio.numpy(), long_mean.numpy())


def wasserstein(theta: Float[Tensor, "points"], paths: Float[Tensor, "points n steps"], first: int) -> Float[Tensor, "points"]:
    """Return the mean over steps of the 1-Wasserstein distance between the walk's law and trajectories, ``[points]``.

    On the integers it is the sum of the absolute differences of the distribution functions.

    Args:
        theta: The points, ``[points]``.
        paths: The trajectories, ``[points, trajectories, steps]``.
        first: The number of steps before the first step of the trajectories.
    """
    steps = first + paths.shape[2]
    place = positions(steps)
    total = torch.zeros(len(theta), dtype=torch.float64)
    for k, mass in enumerate(marginals(theta, steps)):
        if k >= first:
            ordered = paths[:, :, k - first].sort(1).values.contiguous()
            below = torch.searchsorted(ordered, place.expand(len(theta), -1).contiguous(), right=True)
            total += (mass.cumsum(1) - below.double() / paths.shape[1]).abs().sum(1)
    return total / paths.shape[2]


def _join_parts(train: Tensor, test: Tensor, test_start: int) -> Tensor:
    """Return the trajectories from which both parts were taken, ``[points, trajectories, 100]``."""
    return torch.cat((train, test), 2 if test_start else 1)


def _long_run(theta: Tensor) -> tuple[Tensor, dict[FigureName, Tensor]]:
    """Return the mean position every 20 steps up to 1,000, and the distance of the last law from that at theta*."""
    place = positions(LONG_STEPS)
    means = [torch.zeros(len(theta) + 1, dtype=torch.float64)]
    both = torch.cat((theta, torch.tensor([SHIFT], dtype=torch.float64)))
    mass = means[0]
    for k, mass in enumerate(marginals(both, LONG_STEPS), 1):
        if k % _LONG_STRIDE == 0:
            means.append(mass @ place)
    centred = (mass @ place**2) - means[-1] ** 2
    apart = (mass[:-1].cumsum(1) - mass[-1].cumsum(0)).abs().sum(1)
    found: dict[FigureName, Tensor] = {
        "long_error": (means[-1][:-1] - means[-1][-1]).abs(),
        "long_wasserstein": apart,
        "long_ratio": centred[:-1] / centred[-1],
    }
    return torch.stack(means)[:, :-1], found

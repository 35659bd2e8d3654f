"""The baseline: the trajectories that calibration matches."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from ...problems.calibration_law import rise
from ...problems.calibration_walk import SHIFT
from ...seeds import chunk_generator
from .design import PATH_STEPS, TRAIN_STEPS, Design, Split

__all__ = ["Baseline", "baseline", "simulate_walks"]


@dataclass(frozen=True, eq=False)
class Baseline:
    """The training and test parts of every seed's trajectories.

    Attributes:
        train: The training part, ``[seeds, trajectories, steps]``.
        test: The test part, ``[seeds, trajectories, steps]``.
        test_start: The number of steps before the first test step.
    """

    train: Float[Tensor, "seeds trajectories steps"]
    test: Float[Tensor, "seeds held_out test_steps"]
    test_start: int

    @property
    def steps(self) -> int:
        """The number of steps that training sees."""
        return self.train.shape[2]


def simulate_walks(theta: Float[Tensor, "rows"], steps: int, generator: torch.Generator) -> Float[Tensor, "rows steps"]:
    """Simulate one trajectory per row, without its start at 0."""
    position = torch.zeros_like(theta)
    path = []
    for _ in range(steps):
        uniform = torch.rand(theta.shape, generator=generator, dtype=theta.dtype, device=theta.device)
        position = position + 2 * (uniform < rise(position, theta)) - 1
        path.append(position)
    return torch.stack(path, 1)


def baseline(design: Design, split: Split) -> Baseline:
    """Return every seed's baseline, simulated at theta* = 20; it does not depend on estimator, start, loss or split."""
    paths = torch.stack([_trajectories(design, seed) for seed in range(design.seeds)]).to(design.device)
    if split == "time":
        return Baseline(paths[:, :, :TRAIN_STEPS], paths[:, :, TRAIN_STEPS:], TRAIN_STEPS)
    count = design.training_trajectories
    return Baseline(paths[:, :count], paths[:, count:], 0)


def _trajectories(design: Design, seed: int) -> Tensor:
    generator = chunk_generator(design.seed, "baseline", "calibration_walk", "float64", "reference", seed)
    theta = torch.full((design.trajectories,), SHIFT, dtype=torch.float64)
    return simulate_walks(theta, PATH_STEPS, generator)

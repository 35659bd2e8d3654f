"""ReinMax's polynomial programming, trained as published: where each rule ends, and how far from the optimum."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache, partial
from itertools import product

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor
from torch.distributions import OneHotCategorical

from ....estimators.protocol import Sample, describe
from ....estimators.registry import load_estimator
from ...problems.toys import polynomial_loss
from ...seeds import chunk_generator, stable_repr
from ..processes import Tell, run_in_processes, use_one_thread

__all__ = ["EXACT", "TRAINED", "Run", "Schedule", "end_values", "resting_loss", "train", "train_all"]

Array = NDArray[np.float64]

EXACT = "exact gradient"
"""Not an estimator: the exact gradient, which shows what the optimiser does by itself."""

TRAINED = (EXACT, "straight_through", "gumbel_softmax_straight_through", "reinmax", "leave_one_out")
"""The rules that are trained at every power."""


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """The published training: 40 epochs of 200 steps of Adam.

    Attributes:
        powers: The powers of the losses.
        dimension: The number of two-way categories.
        batch: The number of evaluations of the loss that a step may spend.
        epochs: The number of epochs; a curve has one point more.
        steps: The number of steps per epoch.
        rate: Adam's learning rate.
        spread: The half-width of the uniform distribution of the initial logits.
        seeds: The number of repetitions.
    """

    powers: tuple[float, ...] = (1.5, 2.0, 3.0)
    dimension: int = 128
    batch: int = 64
    epochs: int = 40
    steps: int = 200
    rate: float = 1e-3
    spread: float = 0.01
    seeds: int = 3


@dataclass(frozen=True, eq=False)
class Run:
    """The training of one estimator at one power.

    Attributes:
        estimator: The estimator's name, or `EXACT`.
        power: The power of the loss.
        losses: The exact expected loss before the first epoch and after each epoch, ``[epochs + 1, seeds]``.
    """

    estimator: str
    power: float
    losses: Array


def train_all(
    schedule: Schedule, seed: int, *, workers: int = 0, progress: Callable[[str], None] | None = None
) -> tuple[Run, ...]:
    """Train every estimator at every power.

    Args:
        schedule: The training schedule.
        seed: The seed.
        workers: The number of processes to spawn; 0 spawns none.
        progress: A function called with the name of every run that ends.

    Raises:
        RuntimeError: A worker died.
    """
    jobs = list(product(TRAINED, schedule.powers))
    found = {}
    for job, losses in _run_jobs(partial(_work, schedule, seed), jobs, workers):
        if losses is None:
            raise RuntimeError(f"the process that trained {job[0]} at power {job[1]:g} died")
        found[job] = losses
        if progress is not None:
            progress(f"{job[0]}, power {job[1]:g}")
    return tuple(Run(*job, found[job]) for job in jobs)


def train(estimator: str, power: float, schedule: Schedule, seed: int) -> Float[np.ndarray, "points seeds"]:
    """Train one estimator at one power, with all seeds in one batch.

    Each seed has its own logits ``[D, 2]``, and a step's gradient is the mean of as many replicates as its evaluations pay
    for. Adam works by element, so seeds do not affect each other.

    Args:
        estimator: The estimator's name, or `EXACT`.
        power: The power of the loss.
        schedule: The training schedule.
        seed: The seed.

    Returns:
        The exact expected loss, ``[epochs + 1, seeds]``.
    """
    address = estimator if estimator == EXACT else stable_repr(load_estimator(estimator))
    # All estimators start from the same logits.
    start, noise = (chunk_generator(seed, each, f"polynomial {power:g}", "float32", "training", 0) for each in ("", address))
    uniform = torch.rand(schedule.seeds, schedule.dimension, 2, generator=start)
    logits = ((2 * uniform - 1) * schedule.spread).requires_grad_()
    optimiser = torch.optim.Adam([logits], schedule.rate)
    gradient = _rule(estimator, power, schedule, noise)
    losses = [_expect(logits.detach().double(), power)]
    for _ in range(schedule.epochs):
        for _ in range(schedule.steps):
            logits.grad = gradient(logits.detach())
            optimiser.step()
        losses.append(_expect(logits.detach().double(), power))
    return torch.stack(losses).numpy()


@cache
def end_values(power: float) -> tuple[float, float]:
    """Return the loss of a coordinate at zero and at one; zero is the optimum."""
    loss = polynomial_loss(power)
    zero, one = (float(loss(torch.eye(2, dtype=torch.float64)[each][None, None])) for each in (0, 1))
    return zero, one


def resting_loss(power: float) -> float:
    """Return the loss at which straight-through's mean gradient is zero.

    There ``p f'(1) + (1 - p) f'(0) = 0``, where p is the probability of one and f' the derivative that each sample sees.
    """
    x = torch.tensor([[[1.0, 0.0]], [[0.0, 1.0]]], dtype=torch.float64, requires_grad=True)
    (slopes,) = torch.autograd.grad(polynomial_loss(power)(x).sum(), x)
    at_zero, at_one = slopes[:, 0, 1].tolist()
    p = -at_zero / (at_one - at_zero)
    zero, one = end_values(power)
    return float((1 - p) * zero + p * one)


def _run_jobs(
    work: Callable[[tuple[str, float], Tell], Array], jobs: list[tuple[str, float]], workers: int
) -> Iterable[tuple[tuple[str, float], Array | None]]:
    if workers:
        yield from run_in_processes(work, jobs, workers)
        return
    with use_one_thread():
        yield from ((job, work(job, lambda message: None)) for job in jobs)


def _work(schedule: Schedule, seed: int, job: tuple[str, float], tell: Tell) -> Array:
    return train(*job, schedule, seed)


def _rule(name: str, power: float, schedule: Schedule, generator: torch.Generator) -> Callable[[Tensor], Tensor]:
    """Return a function from the logits of all seeds to a batch's gradient for each seed, both ``[seeds, D, 2]``."""
    if name == EXACT:
        slope: Callable[[Tensor], Tensor] = torch.func.grad(lambda logits: _expect(logits, power).sum())
        return slope
    estimator, loss = load_estimator(name), polynomial_loss(power)
    replicates = schedule.batch // (describe(estimator).evaluations or 1)

    def gradient(logits: Tensor) -> Tensor:
        rows = len(logits) * replicates

        def program(params: Tensor, sample: Sample) -> Tensor:
            # Every row has its own seed's logits plus an offset that is differentiated at zero; lanes stand side by side.
            own = logits.repeat_interleave(len(params) // len(logits), 0)
            return loss(sample(OneHotCategorical(logits=own + params, validate_args=False)))

        found: Tensor = estimator(program, torch.zeros_like(logits[0]), rows, generator)
        return found.reshape(len(logits), replicates, *found.shape[1:]).mean(1)

    return gradient


def _expect(logits: Tensor, power: float) -> Tensor:
    """Return the expected loss, ``[seeds, D, 2]`` to ``[seeds]``; coordinates are independent and enter by their mean."""
    zero, one = end_values(power)
    return (logits.softmax(-1) @ logits.new_tensor([zero, one])).mean(-1)

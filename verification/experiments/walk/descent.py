"""Gradient descent on theta from every start and for every seed, in one batch."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from .design import Design

__all__ = ["descend", "points"]

_BETAS = (0.9, 0.95)


def points(design: Design) -> Float[Tensor, "points"]:
    """Return the starting points of the descents: every start once per seed, seeds innermost."""
    starts = torch.tensor(design.starts, dtype=torch.float64, device=design.device)
    return starts.repeat_interleave(design.seeds)


def descend(gradient: Callable[[Tensor], Tensor], design: Design) -> Float[Tensor, "iterations points"]:
    """Run Adam from every start, with a rate that falls to zero along half a cosine.

    Each point is a separate parameter. Adam works by element, so descents do not affect each other. Adam's second moment
    forgets within about 20 iterations; otherwise the first gradients of a far start would still shorten the last steps.

    Args:
        gradient: A function from theta ``[points]`` to an estimate of the loss's derivative, ``[points]``.
        design: The starts, the iterations and the learning rate.

    Returns:
        The values of theta before the first step and after each step, ``[iterations + 1, points]``, on the CPU.
    """
    theta = points(design).requires_grad_()
    optimiser = torch.optim.Adam([theta], lr=design.learning_rate, betas=_BETAS)
    path = [theta.detach().clone()]
    for iteration in range(design.iterations):
        for group in optimiser.param_groups:
            group["lr"] = design.learning_rate * (1 + math.cos(math.pi * iteration / design.iterations)) / 2
        theta.grad = gradient(theta.detach()).to(theta)
        optimiser.step()
        path.append(theta.detach().clone())
    return torch.stack(path).cpu()

"""The evidence lower bound of each graph: the trajectory's likelihood, and the divergence from the uniform prior."""

from __future__ import annotations

import math

from jaxtyping import Float
from torch import Tensor

__all__ = ["VARIANCE", "kl_as_plotted", "trajectory_nll", "true_kl"]

VARIANCE = 5e-5
"""The variance of the Gaussian around a prediction, in normalised units squared."""


def trajectory_nll(
    predicted: Float[Tensor, "*batch particles time 4"], frames: Float[Tensor, "*batch particles time 4"]
) -> Float[Tensor, "*batch"]:
    """Return ``sum over t, d of (predicted - x)^2 / (2 variance)``, averaged over particles, without its constant.

    Args:
        predicted: The predictions of the frames 1 .. T - 1.
        frames: The true frames 1 .. T - 1.

    Returns:
        One number per graph, in nats per particle.
    """
    return (predicted - frames).square().sum((-3, -2, -1)) / (2 * VARIANCE * frames.shape[-3])


def true_kl(logits: Float[Tensor, "*batch edges types"], particles: int) -> Float[Tensor, "*batch"]:
    """Return the KL from the uniform prior, ``sum q ln q / N + (N - 1) ln K``, in [0, (N - 1) ln K] nats per particle.

    Example:
        >>> import torch
        >>> abs(float(true_kl(torch.zeros(20, 2), 5))) < 1e-6
        True
    """
    return kl_as_plotted(logits, particles) + (particles - 1) * math.log(logits.shape[-1])


def kl_as_plotted(logits: Float[Tensor, "*batch edges types"], particles: int) -> Float[Tensor, "*batch"]:
    """Return the KL without its constant, ``sum q ln q / N``: negative, and ``-(N - 1) ln K`` if nothing is known.

    The tutorial plots this one, which looks as if a smaller number were better.

    Example:
        >>> import torch
        >>> round(float(kl_as_plotted(torch.zeros(20, 2), 5)), 2)
        -2.77
    """
    log_q = logits.log_softmax(-1)
    return (log_q.exp() * log_q).sum((-2, -1)) / particles

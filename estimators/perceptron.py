"""A small network held as numbers, for control variates that are learned once and then frozen."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

__all__ = ["Perceptron", "Weights", "apply_weights", "initial_weights", "train"]

Weights = tuple[Tensor, Tensor]
"""Hidden weights ``[width, inputs + 1]`` and output weights ``[outputs, width + 1]``, the last column the bias."""


@dataclass(frozen=True)
class Perceptron:
    """One hidden layer of hyperbolic tangents.

    It holds numbers and no tensors, so that an estimator with one inside is a value: comparable, hashable, without a device.

    Args:
        hidden: ``[width][inputs + 1]``, the last column the bias.
        output: ``[outputs][width + 1]``, likewise.

    Example:
        >>> Perceptron(hidden=((0.0, 0.0),), output=((2.0, 3.0),))(torch.zeros(4, 1))
        tensor([[3.],
                [3.],
                [3.],
                [3.]])
    """

    hidden: tuple[tuple[float, ...], ...]
    output: tuple[tuple[float, ...], ...]

    @classmethod
    def of(cls, weights: Weights) -> Self:
        """Return the network with the given weights."""
        hidden, output = (tuple(tuple(row) for row in each.tolist()) for each in weights)
        return cls(hidden, output)

    def __call__(self, inputs: Tensor) -> Tensor:
        """Map ``[..., inputs]`` to ``[..., outputs]``, on the inputs' device and in their type."""
        hidden, output = (torch.tensor(each, dtype=inputs.dtype, device=inputs.device) for each in (self.hidden, self.output))
        return apply_weights((hidden, output), inputs)


def apply_weights(weights: Weights, inputs: Tensor) -> Tensor:
    """Evaluate the network as a function of its weights and its inputs."""
    hidden, output = weights
    return torch.nn.functional.linear(
        torch.tanh(torch.nn.functional.linear(inputs, hidden[:, :-1], hidden[:, -1])), output[:, :-1], output[:, -1]
    )


def initial_weights(inputs: int, outputs: int, width: int, generator: torch.Generator, like: Tensor) -> Weights:
    """Return random hidden weights, and output weights that are all zero."""
    hidden = torch.randn(width, inputs + 1, generator=generator, dtype=like.dtype, device=like.device) / math.sqrt(inputs)
    return hidden, torch.zeros(outputs, width + 1, dtype=like.dtype, device=like.device)


def train(weights: Weights, loss: Callable[[Weights], Tensor], steps: int, learning_rate: float) -> Weights:
    """Return the weights after a number of steps of Adam on a loss, which may be random."""
    hidden, output = (each.detach().clone().requires_grad_() for each in weights)
    optimizer = torch.optim.Adam([hidden, output], lr=learning_rate)
    for _ in range(steps):
        # Gradients go to the weights alone: the loss holds graphs that lead to other leaves.
        hidden.grad, output.grad = torch.autograd.grad(loss((hidden, output)), (hidden, output))
        optimizer.step()
    return hidden.detach(), output.detach()

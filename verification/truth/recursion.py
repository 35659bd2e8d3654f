"""Exact means and gradients of Markov programs on finite chains: no sampling, O(n S K) operations in float64."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ...estimators.markov import MarkovProgram
from .chains.chain import first_mass, sum_arrivals
from .chains.tabulate import tabulate

__all__ = ["ChainMoments", "chain_moments", "rarest_outcome"]


@dataclass(frozen=True, eq=False)
class ChainMoments:
    """The exact mean of a chain's objective and its gradient.

    Attributes:
        mean: The mean ``E f``.
        gradient: The gradient of the mean, ``[*param]``.
        value: The objective f on every state, ``[S]``.
        mass: The probability of every last state, ``[S]``.
        slope: The derivative of ``mass``, ``[S, d]``.
    """

    mean: float
    gradient: Tensor
    value: Tensor
    mass: Tensor
    slope: Tensor


def chain_moments(program: MarkovProgram, params: Tensor) -> ChainMoments:
    """Compute the exact mean and gradient of a Markov program on a finite set of numbers.

    The recursion carries ``E[1{X = x}]`` and its derivative.

    Args:
        program: A program with ``states`` and one element a site.
        params: The point, ``[*param]``.

    Returns:
        ``E f`` and its gradient ``[*param]``, float64.

    Raises:
        ChainError: The program is not such a chain.
    """
    chain = tabulate(program, params)
    mass = first_mass(chain)
    slope = np.zeros((params.numel(), chain.num_states))
    for each in chain.steps():
        derivative = each.derivative.reshape(*each.probability.shape, -1)
        flow = mass[:, None] * np.moveaxis(derivative, -1, 0) + slope[:, :, None] * each.probability
        mass, slope = sum_arrivals(mass[:, None] * each.probability, each.successor), sum_arrivals(flow, each.successor)
    value = chain.objective
    gradient = torch.from_numpy(slope @ value).reshape(params.shape)
    columns = (torch.from_numpy(each) for each in (value, mass, np.ascontiguousarray(slope.T)))
    return ChainMoments(float(value @ mass), gradient, *columns)


def rarest_outcome(program: MarkovProgram, params: Tensor) -> float:
    """Return the smallest positive marginal probability of any outcome of any step."""
    chain = tabulate(program, params)
    mass = first_mass(chain)
    rarest = 1.0
    for each in chain.steps():
        outcomes = mass @ each.probability
        rarest = min(rarest, float(outcomes[outcomes > 0].min()))
        mass = sum_arrivals(mass[:, None] * each.probability, each.successor)
    return rarest

"""Exact means and gradients of Markov programs on finite chains: no sampling, O(n S K) operations in float64."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ...estimators.markov import MarkovProgram
from .chains.chain import arrived, first_mass
from .chains.tabulate import tabulated

__all__ = ["ChainMoments", "chain_moments", "rarest_outcome"]


@dataclass(frozen=True, eq=False)
class ChainMoments:
    """The exact mean of a chain's objective and its gradient.

    Attributes:
        mean: ``E f``.
        gradient: Its gradient, ``[*param]``.
        value: f on every state, ``[S]``.
        mass: Probability of every last state, ``[S]``.
        slope: Its derivative, ``[S, d]``.
    """

    mean: float
    gradient: Tensor
    value: Tensor
    mass: Tensor
    slope: Tensor


def chain_moments(program: MarkovProgram, params: Tensor) -> ChainMoments:
    """The exact mean and gradient of a Markov program on a finite set of numbers.

    Carried are ``E[1{X = x}]`` and its derivative.

    Args:
        program: One with ``states``, and one element a site.
        params: ``[*param]``.

    Returns:
        ``E f`` and its gradient ``[*param]``, float64.

    Raises:
        ChainError: The program has no such chain.
    """
    chain = tabulated(program, params)
    mass = first_mass(chain)
    slope = np.zeros((params.numel(), chain.num_states))
    for each in chain.steps():
        derivative = each.derivative.reshape(*each.probability.shape, -1)
        flow = mass[:, None] * np.moveaxis(derivative, -1, 0) + slope[:, :, None] * each.probability
        mass, slope = arrived(mass[:, None] * each.probability, each.successor), arrived(flow, each.successor)
    value = chain.objective
    gradient = torch.from_numpy(slope @ value).reshape(params.shape)
    columns = (torch.from_numpy(each) for each in (value, mass, np.ascontiguousarray(slope.T)))
    return ChainMoments(float(value @ mass), gradient, *columns)


def rarest_outcome(program: MarkovProgram, params: Tensor) -> float:
    """The smallest positive marginal probability of any outcome of any step."""
    chain = tabulated(program, params)
    mass = first_mass(chain)
    rarest = 1.0
    for each in chain.steps():
        outcomes = mass @ each.probability
        rarest = min(rarest, float(outcomes[outcomes > 0].min()))
        mass = arrived(mass[:, None] * each.probability, each.successor)
    return rarest

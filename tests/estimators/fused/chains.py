"""Small chains of two outcomes a step: one alternative a state or several, outcomes at the boundary or of no consequence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor
from torch.distributions import Bernoulli, Categorical, Distribution, OneHotCategorical

from gradverify.estimators import MarkovProgram

__all__ = ["CHAINS", "clock", "funnel", "one_hot_walk", "opening", "ring", "sink", "walk"]

Site = Callable[[Tensor, Tensor, int], Distribution]


def walk(length: int, site: Site | None = None) -> MarkovProgram:
    """Up with probability exp(-x / p), else down; E[(X + 1)^2] in p. The alternative is always two above."""
    return MarkovProgram(
        num_steps=length,
        initial=torch.zeros_like,
        site=site or (lambda params, state, k: Bernoulli(torch.exp(-state / params), validate_args=False)),
        step=lambda state, value, k: state + 2 * value - 1,
        objective=lambda state: (state + 1) ** 2,
        states=torch.arange(length + 1, dtype=torch.float64),
    )


def falling(length: int) -> MarkovProgram:
    """The walk in theta, up with probability exp(-(x + theta) / 5): the alternative is always two below."""

    def site(params: Tensor, state: Tensor, k: int) -> Distribution:
        rise = torch.exp(-(state + params) / 5)
        return Bernoulli(torch.where(state == 0, torch.ones_like(rise), rise), validate_args=False)

    return walk(length, site)


def one_hot_walk(length: int) -> MarkovProgram:
    """The walk with a one-hot sample a step, the first category up."""

    def site(params: Tensor, state: Tensor, k: int) -> Distribution:
        rise = torch.exp(-state / params)
        return OneHotCategorical(torch.stack((rise, 1 - rise), -1), validate_args=False)

    return replace(walk(length, site), step=lambda state, value, k: state + value @ value.new_tensor([1.0, -1.0]))


def ring(length: int) -> MarkovProgram:
    """Five states in a ring, one or three ahead; slopes of both signs, one state of each certain outcome.

    Alternatives are many to a state, and meet the chain now and then.
    """

    def site(params: Tensor, state: Tensor, k: int) -> Distribution:
        usual = 0.5 + 0.4 * torch.sin(2 * state + params)
        certain = torch.where(state == 4, torch.ones_like(usual), torch.zeros_like(usual))
        return Bernoulli(torch.where((state == 2) | (state == 4), certain, usual), validate_args=False)

    return MarkovProgram(
        num_steps=length,
        initial=lambda params: torch.ones_like(params, requires_grad=False),
        site=site,
        step=lambda state, value, k: (state + 1 + 2 * value) % 5,
        objective=lambda state: (state - 1.5) ** 3,
        states=torch.arange(5, dtype=torch.float64),
    )


def clock(length: int) -> MarkovProgram:
    """The walk that slows with time as well: every step has its own tables."""

    def site(params: Tensor, state: Tensor, k: int) -> Distribution:
        rise = torch.exp(-(state + 0.3 * k) / params)
        return Bernoulli(torch.where(state == 0, torch.ones_like(rise), rise), validate_args=False)

    return walk(length, site)


def opening(length: int) -> MarkovProgram:
    """A counter whose second outcome has probability zero at the parameter, and a derivative; a Categorical a step."""

    def site(params: Tensor, state: Tensor, k: int) -> Distribution:
        one = torch.where(state == 1, params * (1 + 0 * state), 0.4 + params + 0 * state)
        return Categorical(torch.stack((1 - one, one), -1), validate_args=False)

    return MarkovProgram(
        num_steps=length,
        initial=lambda params: torch.ones_like(params, requires_grad=False),
        site=site,
        step=lambda state, value, k: (2 * state + value) % 3,
        objective=lambda state: torch.exp(state),
        states=torch.arange(3, dtype=torch.float64),
    )


def _table_walk(length: int, successor: list[list[float]], site: Site) -> MarkovProgram:
    """Five states from zero on; row x says where the two outcomes lead."""
    table = torch.tensor(successor)
    return MarkovProgram(
        num_steps=length,
        initial=lambda params: torch.zeros_like(params, requires_grad=False),
        site=site,
        step=lambda state, value, k: table.to(state)[state.long(), value.long()],
        objective=lambda state: (state - 1.5) ** 3,
        states=torch.arange(5, dtype=torch.float64),
    )


def sink(length: int) -> MarkovProgram:
    """Up to four alternatives to a state, and one state from which both outcomes lead to the same."""

    def site(params: Tensor, state: Tensor, k: int) -> Distribution:
        return Bernoulli(0.5 + 0.4 * torch.sin(state + params), validate_args=False)

    return _table_walk(length, [[1, 2], [4, 2], [3, 3], [0, 4], [2, 0]], site)


def funnel(length: int) -> MarkovProgram:
    """Two arms that the first step chooses between; later jumps lead to where the chain goes anyway."""

    def site(params: Tensor, state: Tensor, k: int) -> Distribution:
        return Bernoulli(0.3 + 0.1 * params * (1 + state), validate_args=False)

    return _table_walk(length, [[1, 2], [3, 3], [4, 4], [3, 3], [4, 4]], site)


CHAINS: dict[str, tuple[MarkovProgram, float]] = {
    "walk": (walk(5), 5.0),
    "falling": (falling(4), 0.3),
    "one_hot_walk": (one_hot_walk(4), 6.0),
    "ring": (ring(4), 0.7),
    "clock": (clock(5), 4.0),
    "opening": (opening(4), 0.0),
    "sink": (sink(4), 0.4),
    "funnel": (funnel(2), 1.0),
}
"""Name -> a chain, and the parameter to run it at."""

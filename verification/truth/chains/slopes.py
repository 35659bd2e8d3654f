"""The derivatives of a chain's moves in its state, which estimators that differentiate samples use."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ....estimators.markov import MarkovProgram
from ....estimators.protocol import row_leaf
from ....estimators.sites.reading import BernoulliSite, CategoricalSite, OneHotSite, finite_site_of
from .chain import Array, ChainError
from .tabulate import listed_states

__all__ = ["SampleSlopes", "sample_slopes"]


@dataclass(frozen=True, eq=False, kw_only=True)
class SampleSlopes:
    """The derivatives along a path of a program whose sites draw an index.

    Tables have one leading entry a step, or a single one if all steps are alike, as in `Chain`.

    Attributes:
        probability: Derivative of ``P_k(z | x)`` in x, ``[n or 1, S, K]``.
        carry: Derivative of the next state in x, ``[n or 1, S, K]``.
        push: Derivative of the next state in the drawn index, ``[n or 1, S, K]``.
        objective: Derivative f' of the objective, ``[S]``.
    """

    probability: Array
    carry: Array
    push: Array
    objective: Array


def sample_slopes(program: MarkovProgram, params: Tensor) -> SampleSlopes:
    """Compute the derivatives of a Markov program on a finite set of numbers, by automatic differentiation.

    Args:
        program: A program with ``states`` whose sites are Bernoulli or index-valued.
        params: The point, ``[*param]``.

    Raises:
        ChainError: The program lists no states, or draws one-hot values or counts.
    """
    params = params.detach().double().cpu()
    states = listed_states(program)
    steps = [_step(program, params, states, k) for k in range(program.num_steps)]
    if all(np.array_equal(a, b) for each in steps for a, b in zip(each, steps[0], strict=True)):
        steps = steps[:1]
    probability, carry, push = (np.stack(each) for each in zip(*steps, strict=True))
    leaf = states.clone().requires_grad_()
    return SampleSlopes(probability=probability, carry=carry, push=push, objective=_slope(program.objective(leaf), leaf))


def _step(program: MarkovProgram, params: Tensor, states: Tensor, k: int) -> tuple[Array, Array, Array]:
    rows = len(states)
    leaf = states.clone().requires_grad_()
    site = finite_site_of(program.site(row_leaf(params, rows).detach(), leaf, k), rows)
    if not isinstance(site, BernoulliSite) and (not isinstance(site, CategoricalSite) or isinstance(site, OneHotSite)):
        raise ChainError(f"step {k} draws from a {type(site).__name__}; expected an index: Bernoulli or Categorical")
    table = site.probabilities().reshape(rows, -1)
    outcomes = table.shape[1]
    bends = [_slope(table[:, z], leaf) for z in range(outcomes)]
    carry, push = zip(
        *(_after(program, site.from_index(torch.full((rows,), z)), states, k) for z in range(outcomes)), strict=True
    )
    return np.stack(bends, 1), np.stack(carry, 1), np.stack(push, 1)


def _after(program: MarkovProgram, value: Tensor, states: Tensor, k: int) -> tuple[Array, Array]:
    """Return the derivatives of the next state in the state and in the value, ``[S]`` each."""
    state, drawn = states.clone().requires_grad_(), value.detach().requires_grad_()
    after = program.step(state, drawn, k)
    return _slope(after, state), _slope(after, drawn)


def _slope(values: Tensor, leaf: Tensor) -> Array:
    """Differentiate values row by row; the slope is zero where no path leads to the leaf."""
    if not values.requires_grad:
        return np.zeros(len(leaf))
    (slope,) = torch.autograd.grad(values.sum(), leaf, allow_unused=True, retain_graph=True)
    return np.zeros(len(leaf)) if slope is None else slope.double().numpy()

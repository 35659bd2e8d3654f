"""A categorical Markov chain: the logits of every state depend on the previous state."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.distributions import Distribution, OneHotCategorical

from ...estimators.markov import MarkovProgram
from ...estimators.protocol import Sample
from .objectives import Objective, exponential, polynomial
from .problem import Problem

__all__ = ["chain"]

_STATES = 3


def chain(length: int) -> list[Problem]:
    """Return problems of z_{t+1} ~ Categorical(softmax(z_t W + theta)) over three states, differentiated in theta.

    The objectives ``linear``, ``cubic`` and ``exponential`` depend on the last state alone, and are Markov programs. The
    objective ``product`` depends on all states, and is a plain program.
    """
    theta = torch.tensor([0.4, -0.6, 0.1], dtype=torch.float64)
    last = (polynomial("linear", 1, 1.0), polynomial("cubic", 3, 1.0), exponential())
    problems = [
        Problem(
            name=f"chain:{length}/{each.name}/theta",
            program=_markov(length, each),
            params=theta,
            degree=each.degree,
            chained=length > 1,
        )
        for each in last
    ]
    product = _Product(length)
    return [*problems, Problem(name=f"chain:{length}/product/theta", program=product, params=theta, degree=1)]


def _weights(like: Tensor) -> Tensor:
    return torch.tensor([[0.9, -0.4, 0.1], [-0.7, 0.5, 0.6], [0.2, -0.8, 0.3]], dtype=like.dtype, device=like.device)


def _table(like: Tensor) -> Tensor:
    return torch.tensor([-0.9, 0.3, 1.1], dtype=like.dtype, device=like.device)


def _site(params: Tensor, state: Tensor, k: int) -> Distribution:
    return OneHotCategorical(logits=state @ _weights(params) + params, validate_args=False)


def _markov(length: int, objective: Objective) -> MarkovProgram:
    return MarkovProgram(
        num_steps=length,
        initial=torch.zeros_like,
        site=_site,
        step=lambda state, value, k: value,
        objective=lambda state: objective.function(state @ _table(state)),
    )


@dataclass(frozen=True)
class _Product:
    """The objective ``prod_t (1 + a . z_t / 2)`` over all states of the chain."""

    length: int

    def __call__(self, params: Tensor, sample: Sample) -> Tensor:
        state = params.new_zeros(params.shape[0], _STATES)
        product = params.new_ones(params.shape[0])
        for k in range(self.length):
            state = sample(_site(params, state, k))
            product = product * (1 + 0.5 * (state @ _table(state)))
        return product

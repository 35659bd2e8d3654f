"""The tutorial's random walk, as a user would write it: a function, and where to differentiate it.

X_0 = 0. Each step goes up with probability exp(-X / p), else down; at 0 it always goes up. How does E[X_10^2] change with p?

    gradverify verify leave_one_out stochastic_triple straight_through --problem examples/walk.py:walk
    gradverify verify leave_one_out --problem examples/walk.py:walk --params 20
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.distributions import Bernoulli

from gradverify.estimators import Sample

STEPS = 10

PARAMS = 10.0
EXACT = 2.76488620  # d/dp E[X_10^2] at p = 10; leave it out where it is not known


def walk(params: Tensor, sample: Sample) -> Tensor:
    """X_10^2 of each row: params ``[rows]``, one p a row."""
    x = torch.zeros_like(params)
    for _ in range(STEPS):
        up = sample(Bernoulli(torch.exp(-x / params), validate_args=False))
        x = x - 1 + 2 * up
    return x**2

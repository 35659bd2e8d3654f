"""Programs of eight sites each, and two smaller ones, for the search and for exact sites."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.distributions import Bernoulli, Categorical

from gradverify.estimators import (
    MarkovProgram,
    Sample,
)
from gradverify.verification.problems import Problem

LENGTH = 8


def bits(params: Tensor, sample: Sample) -> Tensor:
    """Eight bits, each pulled by the one before; every site matters about as much as the others."""
    value, total = torch.zeros_like(params[:, 0]), torch.zeros_like(params[:, 0])
    for k in range(LENGTH):
        value = sample(Bernoulli(logits=params[:, k] + 0.4 * value, validate_args=False))
        total = total + value
    return total + 0.1 * total.square() - 6.5


def indices(params: Tensor, sample: Sample) -> Tensor:
    """Eight index-valued sites of three categories, sharing two parameters, the first one with every other site."""
    value, total = torch.zeros_like(params[:, 0]), torch.zeros_like(params[:, 0])
    for k in range(LENGTH):
        own = params[:, k % 2]
        value = sample(Categorical(logits=torch.stack((0.3 * value, own, 0.2 - own), -1), validate_args=False))
        total = total + value
    return total + 0.05 * total.square() - 10.0


def bent(params: Tensor, sample: Sample) -> Tensor:
    """Eight bits in affine chains, and an objective that is linear in each of them but in site 5 alone."""
    value, total = torch.zeros_like(params[:, 0]), torch.zeros_like(params[:, 0])
    for k in range(LENGTH):
        value = sample(Bernoulli(0.2 + 0.4 * params[:, k].sigmoid() + 0.3 * value, validate_args=False))
        total = total + (2 * (value + 0.5) ** 3 if k == 5 else value)
    return total - 5.0


def walk() -> MarkovProgram:
    return MarkovProgram(
        num_steps=4,
        initial=torch.zeros_like,
        site=lambda params, state, k: Bernoulli(params, validate_args=False),
        step=lambda state, value, k: state + value,
        objective=torch.square,
    )


LOGITS = torch.linspace(-0.6, 0.5, LENGTH, dtype=torch.float64)


BITS = Problem(name="bits in a chain", program=bits, params=LOGITS)


INDICES = Problem(name="indices in a chain", program=indices, params=torch.tensor([0.3, -0.2], dtype=torch.float64))


BENT = Problem(name="one bent site", program=bent, params=LOGITS)


WALK = Problem(name="walk", program=walk(), params=torch.tensor(0.4, dtype=torch.float64))


def pair(params: Tensor, sample: Sample) -> Tensor:
    first = sample(Bernoulli(params[:, 0], validate_args=False))
    second = sample(Bernoulli(0.5 * params[:, 1] + 0.4 * first, validate_args=False))
    return (first + 2 * second - 0.3) ** 3 + params[:, 0] * second

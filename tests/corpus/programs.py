"""Problems of the corpus that are not registered."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.distributions import Bernoulli, Categorical, OneHotCategorical

from gradverify.estimators.protocol import Sample
from gradverify.verification import Problem

COSTS = torch.tensor([1.0, 0.2, 2.0, 0.5], dtype=torch.float64)
TABLE = torch.tensor([1.2, -0.8, -0.2, 0.5], dtype=torch.float64)
LOGITS = torch.tensor([0.3, 0.9, -0.6, 0.1], dtype=torch.float64)
OTHER = torch.tensor([0.2, -0.7, 1.1, 0.4], dtype=torch.float64)


def _one_bit(params: Tensor, sample: Sample) -> Tensor:
    return 2 * sample(Bernoulli(params)) + 1


def _penalised(params: Tensor, sample: Sample) -> Tensor:
    z = sample(OneHotCategorical(logits=params))
    log_p = params.log_softmax(-1)
    return z @ COSTS.to(params) + (log_p.exp() * (log_p - OTHER.to(params).log_softmax(-1))).sum(-1)


def _direct(params: Tensor, sample: Sample) -> Tensor:
    z = sample(OneHotCategorical(logits=params))
    return (z * (COSTS.to(params) + params**2)).sum(-1)


def _quadratic(params: Tensor, sample: Sample) -> Tensor:
    return (sample(OneHotCategorical(logits=params)) @ TABLE.to(params) + 0.5) ** 2


def _tokens(params: Tensor, sample: Sample) -> Tensor:
    """Return the cost of up to three tokens of three letters; token 0 ends a sequence, and token 2 before it is rewarded."""
    alive = torch.ones_like(params[:, 0])
    length, hit = torch.zeros_like(alive), torch.zeros_like(alive)
    for _ in range(3):
        token = sample(Categorical(logits=params))
        length = length + alive
        hit = torch.maximum(hit, alive * (token == 2))
        alive = alive * (token != 0)
    return -(hit * (1 + length) + (1 - hit) * 0.3)


def _bound(params: Tensor, sample: Sample) -> Tensor:
    """Return minus the logarithm of the mean weight of three bits, where a bit has the weight 0.2 or 2."""
    bits = sample(Bernoulli(logits=params))
    return -(0.2 + 1.8 * bits).mean(-1).log()


one_bit = Problem(name="one_bit", program=_one_bit, params=torch.tensor(0.3, dtype=torch.float64), chained=False)
penalised = Problem(name="penalised", program=_penalised, params=LOGITS, chained=False)
direct = Problem(name="direct", program=_direct, params=LOGITS, chained=False)
quadratic = Problem(name="quadratic", program=_quadratic, params=LOGITS, degree=2, chained=False)
tokens = Problem(name="tokens", program=_tokens, params=torch.tensor([0.2, 0.5, -0.3], dtype=torch.float64))
bound = Problem(name="bound", program=_bound, params=torch.tensor([2.0, -0.3, -1.5], dtype=torch.float64), chained=False)

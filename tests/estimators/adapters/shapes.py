"""Foreign code in more shapes: one vector a call, NumPy, single precision, named answers, objects, generators of its own."""

from __future__ import annotations

import random
from collections import namedtuple
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

NOISE = np.random.default_rng(3)
TORCH_NOISE = torch.Generator().manual_seed(3)


def one_hot_of_logits(logits: Tensor) -> Tensor:
    """Straight-through Gumbel-Softmax, what most of these come to."""
    return functional.gumbel_softmax(logits, hard=True)


def vector_one_hot(probs: Tensor) -> Tensor:
    """Straight-through, on one vector."""
    (_,) = probs.shape
    z = functional.one_hot(torch.multinomial(probs, 1).reshape(()), len(probs)).to(probs)
    return z + probs - probs.detach()


def vector_index(probs: Tensor) -> int:
    """An index as a Python number."""
    (_,) = probs.shape
    return int(torch.multinomial(probs, 1))


def vector_float_index(probs: Tensor) -> Tensor:
    """An index of one vector, with the derivative of the mean index."""
    (count,) = probs.shape
    mean = probs @ torch.arange(count).to(probs)
    return torch.multinomial(probs, 1)[0] + mean - mean.detach()


def first_dimension(logits: Tensor) -> Tensor:
    """Written for one vector; it runs on a batch, and is wrong there."""
    return functional.gumbel_softmax(logits, hard=True, dim=0)


class VectorFunction(torch.autograd.Function):
    """A one-hot vector of one vector."""

    @staticmethod
    def forward(ctx: Any, probs: Tensor) -> Tensor:
        return functional.one_hot(torch.multinomial(probs, 1).reshape(()), len(probs)).to(probs)

    @staticmethod
    def backward(ctx: Any, *grad: Tensor) -> Tensor:
        return grad[0]


def one_bit(p: Tensor) -> Tensor:
    """A bit of one number; straight-through."""
    if p.dim():
        raise ValueError("one number, please")
    return torch.bernoulli(p) + p - p.detach()


def python_bit(p: Tensor) -> float:
    """A bit by Python's own generator."""
    return 1.0 if random.random() < p.item() else 0.0


def single_only(logits: Tensor) -> Tensor:
    """Refuses double precision."""
    if logits.dtype != torch.float32:
        raise TypeError("expected float32")
    return one_hot_of_logits(logits)


def array_index(probs: np.ndarray) -> np.ndarray:
    """An index, NumPy in and out."""
    if not isinstance(probs, np.ndarray):
        raise TypeError("expected an array")
    return (np.random.rand(len(probs), 1) > probs.cumsum(-1)[:, :-1]).sum(-1)


def array_gradient(f: Any, logits: np.ndarray) -> np.ndarray:
    """The score function in NumPy, from a generator of its module."""
    p = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    if not isinstance(p, np.ndarray):
        raise TypeError("expected an array")
    z = np.eye(p.shape[-1])[(NOISE.random((len(p), 1)) > p.cumsum(-1)[:, :-1]).sum(-1)]
    return f(z)[:, None] * (z - p)


def noisy(probs: Tensor) -> Tensor:
    """Draws from a generator of its module."""
    index = torch.multinomial(probs.detach(), 1, generator=TORCH_NOISE).squeeze(-1)
    return functional.one_hot(index, probs.shape[-1]).to(probs) + probs - probs.detach()


class Noisy:
    """Draws from a generator of its own."""

    def __init__(self) -> None:
        self.generator = torch.Generator().manual_seed(5)

    def __call__(self, probs: Tensor) -> Tensor:
        index = torch.multinomial(probs.detach(), 1, generator=self.generator).squeeze(-1)
        return functional.one_hot(index, probs.shape[-1]).to(probs) + probs - probs.detach()


def mapping(logits: Tensor) -> dict[str, Tensor]:
    """An answer with keys."""
    return {"logits": logits, "z": one_hot_of_logits(logits)}


Answer = namedtuple("Answer", "sample log_prob")


def named(logits: Tensor) -> Answer:
    """A named tuple, whose field is called as torch calls a method."""
    z = one_hot_of_logits(logits)
    return Answer(z, (z.detach() * logits.log_softmax(-1)).sum(-1))


@dataclass
class Output:
    """An answer with fields."""

    loss: float
    sample: Tensor


def with_fields(logits: Tensor) -> Output:
    """A dataclass."""
    return Output(0.0, one_hot_of_logits(logits))


def hard_flag(logits: Tensor, tau: float, hard: bool) -> Tensor:
    """A flag that must be set."""
    return functional.gumbel_softmax(logits, tau, hard is True)


def along(logits: Tensor, dim: int) -> Tensor:
    """A dimension that must be named."""
    return functional.gumbel_softmax(logits, hard=True, dim=dim)


def several(logits: Tensor, n: int) -> Tensor:
    """n samples of every row."""
    return functional.gumbel_softmax(logits.expand(n, *logits.shape), hard=True)


class Forward:
    """A method called forward, and nothing to call."""

    def forward(self, logits: Tensor) -> Tensor:
        return one_hot_of_logits(logits)


class Configured:
    """Cannot be made without being told more."""

    def __init__(self, width: int) -> None:
        self.width = width

    def __call__(self, logits: Tensor) -> Tensor:
        return one_hot_of_logits(logits)


class Layer(torch.nn.Module):
    """A module with a buffer."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("tau", torch.tensor(0.7))

    def forward(self, logits: Tensor) -> Tensor:
        return functional.gumbel_softmax(logits, float(self.tau), hard=True)


async def coroutine(logits: Tensor) -> Tensor:
    """Gives nothing when it is called."""
    return one_hot_of_logits(logits)


def generator(logits: Tensor) -> Iterator[Tensor]:
    """Gives nothing either."""
    yield one_hot_of_logits(logits)


def identity(z: Tensor, probs: Tensor) -> Tensor:
    """Hands its sample back, and has done nothing."""
    return z


def silent(logits: Tensor) -> None:
    """Returns nothing."""


def score_rows(log_prob: Tensor, cost: Tensor) -> Tensor:
    """REINFORCE's surrogate, one a row."""
    return log_prob * cost


def score_mean(cost: Tensor, log_prob: Tensor) -> Tensor:
    """The mean of a batch, its arguments the other way round."""
    return (log_prob * cost.detach()).mean()


def score_sum(logp: Tensor, *, cost: Tensor) -> Tensor:
    """Their sum."""
    return (logp * cost).sum()


def policy_loss(log_probs: Tensor, rewards: Tensor) -> Tensor:
    """The loss that falls as rewards rise."""
    return -(log_probs * rewards).mean()


def policy_gain(log_probs: Tensor, rewards: Tensor) -> Tensor:
    """What is to be maximised."""
    return (log_probs * rewards).mean()


def called_loss(loss: Any, logits: Tensor) -> Tensor:
    """What is called a loss here is the objective itself."""
    p = logits.detach().softmax(-1)
    z = functional.one_hot(torch.multinomial(p, 1).squeeze(-1), p.shape[-1]).to(p)
    return loss(z).unsqueeze(-1) * (z - p)


def of_log_probs(log_probs: Tensor) -> Tensor:
    """A sampler: its log-probabilities are normalised logits."""
    return one_hot_of_logits(log_probs)


def magic_box(cost: Tensor, log_prob: Tensor) -> Tensor:
    """DiCE, whose value is the cost."""
    return cost * torch.exp(log_prob - log_prob.detach())


def single_score(log_prob: Tensor, cost: Tensor) -> Tensor:
    """In single precision alone."""
    if log_prob.dtype != torch.float32:
        raise TypeError("expected float32")
    return log_prob * cost


class OthersBaseline(torch.nn.Module):
    """The mean of the others as a baseline."""

    def forward(self, log_prob: Tensor, reward: Tensor) -> Tensor:
        others = (reward.sum() - reward) / (len(reward) - 1)
        return -(log_prob * (reward - others)).mean()


def own_baseline(log_prob: Tensor, cost: Tensor) -> Tensor:
    """The mean of all as a baseline, each row's own among them: short by one part in the batch."""
    return (log_prob * (cost - cost.mean())).mean()


def wrong_sign(log_prob: Tensor, cost: Tensor) -> Tensor:
    """The planted bug: a cost is no reward."""
    return -(log_prob * cost).mean()


def no_score(log_prob: Tensor, cost: Tensor) -> Tensor:
    """Detached."""
    return log_prob.detach() * cost


def antithetic_batch(f: Any, logits: Tensor) -> Tensor:
    """The halves of a batch are mirror images: tied, and no louder row shows it."""
    p = torch.sigmoid(logits.detach())
    u = torch.rand(len(p) // 2, *p.shape[1:], dtype=p.dtype)
    z = (torch.cat((u, 1 - u)) < p).to(p)
    return f(z).unsqueeze(-1) * (z - p)

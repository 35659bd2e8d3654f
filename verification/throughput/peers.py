"""The random walk without this package: d/dp E[X_n^2] by the score function, in the ways in which a user would write it."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.distributions import Bernoulli, Categorical

__all__ = ["TORCH_PEERS", "forward_walk"]


def forward_walk(length: int, rows: int, dtype: torch.dtype, device: str, generator: torch.Generator) -> Tensor:
    """Draw X_n^2 by plain runs in raw batched operations: the yardstick. ``[rows]``."""
    state = torch.zeros(rows, dtype=dtype, device=device)
    with torch.no_grad():
        for _ in range(length):
            up = torch.rand(rows, generator=generator, dtype=dtype, device=device) < torch.exp(-state / length)
            state = state + (2 * up.to(dtype) - 1)
        return state.square()


def one_by_one(length: int, rows: int, dtype: torch.dtype, device: str, generator: torch.Generator) -> Tensor:
    """Draw rows as tutorials do: a loop over trajectories, an ``.item()`` a step, a backward pass each. ``[rows]``."""
    gradients = []
    for _ in range(rows):
        p = torch.tensor(float(length), dtype=dtype, device=device, requires_grad=True)
        state, score = 0, torch.zeros((), dtype=dtype, device=device)
        for _ in range(length):
            up = torch.exp(-torch.tensor(float(state), dtype=dtype, device=device) / p)
            move = Categorical(torch.stack((up, 1 - up)))
            index = move.sample()
            score = score + move.log_prob(index)
            state += 1 - 2 * int(index.item())
        score.backward()
        assert p.grad is not None
        gradients.append(p.grad * state**2)
    return torch.stack(gradients)


def batched_walk(length: int, rows: int, dtype: torch.dtype, device: str, generator: torch.Generator) -> Tensor:
    """Draw rows by a plain vectorised script: log-probabilities in raw operations, one backward pass. ``[rows]``."""
    p = torch.full((rows,), float(length), dtype=dtype, device=device, requires_grad=True)
    state, score = torch.zeros_like(p), torch.zeros_like(p)
    for _ in range(length):
        up = torch.exp(-state / p)
        rises = torch.rand(rows, generator=generator, dtype=dtype, device=device) < up
        score = score + torch.where(rises, up, 1 - up).log()
        state = state + (2 * rises.to(dtype) - 1)
    (slope,) = torch.autograd.grad(score.sum(), p)
    return state.square() * slope


def with_distributions(length: int, rows: int, dtype: torch.dtype, device: str, generator: torch.Generator) -> Tensor:
    """Draw rows by a vectorised script with a batched ``torch.distributions.Bernoulli`` a step. ``[rows]``."""
    p = torch.full((rows,), float(length), dtype=dtype, device=device, requires_grad=True)
    state, score = torch.zeros_like(p), torch.zeros_like(p)
    for _ in range(length):
        move = Bernoulli(torch.exp(-state / p))
        value = move.sample()
        score = score + move.log_prob(value)
        state = state + 2 * value - 1
    (slope,) = torch.autograd.grad(score.sum(), p)
    return state.square() * slope


TORCH_PEERS = {
    "one trajectory at a time": one_by_one,
    "plain vectorised script": batched_walk,
    "torch.distributions": with_distributions,
}
"""Name -> function of (n, rows, dtype, device, generator)."""

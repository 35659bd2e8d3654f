"""Inputs for the networks' tests: four particles, and the same four under other names."""

from __future__ import annotations

import torch
from torch import Tensor

from gradverify.verification.problems.relational.graphs import edge_labels, num_edges

N, T, H, K = 4, 15, 8, 3


ORDER = torch.tensor([2, 0, 3, 1])


def frames(batch: int = 2, time: int = T) -> Tensor:
    return torch.randn(batch, N, time, 4, generator=torch.Generator().manual_seed(0))


def weights(batch: int = 2, types: int = K) -> Tensor:
    return torch.randn(batch, num_edges(N), types, generator=torch.Generator().manual_seed(1)).softmax(-1)


def renamed(edges: Tensor) -> Tensor:
    """Values of edges after the particles took the order `ORDER`."""
    matrix = edges.new_zeros(len(edges), N, N, edges.shape[-1])
    matrix[:, ~torch.eye(N, dtype=torch.bool)] = edges
    moved = matrix[:, ORDER][:, :, ORDER]
    return torch.stack([edge_labels(moved[..., kind]) for kind in range(edges.shape[-1])], -1)


def seeded(make: object) -> torch.nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return make().eval()  # type: ignore[operator, no-any-return]

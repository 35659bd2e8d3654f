"""The complete directed graph on N particles: the order of its edges, and how values move between particles and edges.

Edges stand in the row-major order of an N by N matrix without its diagonal, row = receiver, column = sender, so the N - 1
edges into one particle are neighbours and a sum over senders is a sum over a dimension.
"""

from __future__ import annotations

from functools import cache

import torch
from jaxtyping import Float, Int
from torch import Tensor

__all__ = ["edge_labels", "edges_to_nodes", "gather_senders", "nodes_to_edges", "num_edges", "receivers", "senders"]


def num_edges(particles: int) -> int:
    """Return the number of edges, ``N (N - 1)``."""
    return particles * (particles - 1)


def receivers(particles: int) -> Int[Tensor, " edges"]:
    """Return the receiver of every edge, ``[N (N - 1)]``.

    Example:
        >>> receivers(3).tolist()
        [0, 0, 1, 1, 2, 2]
    """
    return torch.arange(particles).repeat_interleave(particles - 1)


def senders(particles: int) -> Int[Tensor, " edges"]:
    """Return the sender of every edge, ``[N (N - 1)]``.

    Example:
        >>> senders(3).tolist()
        [1, 2, 0, 2, 0, 1]
    """
    every = torch.arange(particles).expand(particles, particles)
    return every[~torch.eye(particles, dtype=torch.bool)]


def edge_labels(matrix: Tensor) -> Tensor:
    """Return the entries of ``[..., N, N]`` matrices (row = receiver) in edge order, ``[..., N (N - 1)]``.

    Example:
        >>> edge_labels(torch.arange(9).reshape(3, 3)).tolist()
        [1, 2, 3, 5, 6, 7]
    """
    particles = matrix.shape[-1]
    return matrix[..., receivers(particles), senders(particles)]


def gather_senders(nodes: Float[Tensor, "*batch particles features"]) -> Float[Tensor, "*batch particles others features"]:
    """Return, for every particle, the values of the other N - 1, ``[..., N, N - 1, F]``."""
    particles = nodes.shape[-2]
    index = _senders_on(particles, nodes.device)
    arriving: Tensor = nodes.index_select(-2, index).unflatten(-2, (particles, particles - 1))
    return arriving


@cache
def _senders_on(particles: int, device: torch.device) -> Tensor:
    """Return the senders on a device, made once: a copy to a GPU at every message would keep it waiting."""
    return senders(particles).to(device)


def nodes_to_edges(nodes: Float[Tensor, "*batch particles features"]) -> Float[Tensor, "*batch edges doubled"]:
    """Return the sender's values, then the receiver's, for every edge, ``[..., N (N - 1), 2 F]``."""
    others = gather_senders(nodes)
    own = nodes.unsqueeze(-2).expand_as(others)
    return torch.cat((others, own), dim=-1).flatten(-3, -2)


def edges_to_nodes(edges: Float[Tensor, "*batch edges features"], particles: int) -> Float[Tensor, "*batch particles features"]:
    """Return the sum over each particle's incoming edges, ``[..., N, F]``."""
    total: Tensor = edges.unflatten(-2, (particles, particles - 1)).sum(-2)
    return total

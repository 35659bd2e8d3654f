"""The order of edges, and sums over a particle's incoming ones."""

from __future__ import annotations

import torch

from gradverify.verification.problems.relational.graphs import (
    edge_labels,
    edges_to_nodes,
    nodes_to_edges,
    num_edges,
    receivers,
    senders,
)


def test_edges_stand_row_by_row_without_the_diagonal() -> None:
    pairs = [(i, j) for i in range(5) for j in range(5) if i != j]
    assert list(zip(receivers(5).tolist(), senders(5).tolist(), strict=True)) == pairs
    assert num_edges(5) == len(pairs) == 20


def test_labels_follow_the_edges() -> None:
    matrix = torch.arange(16).reshape(1, 4, 4)
    assert edge_labels(matrix)[0].tolist() == [4 * i + j for i, j in zip(receivers(4), senders(4), strict=True)]


def test_an_edge_holds_its_senders_values_and_then_its_receivers() -> None:
    nodes = torch.randn(2, 3, 4, 5, generator=torch.Generator().manual_seed(0))
    found = nodes_to_edges(nodes)
    assert found.shape == (2, 3, 12, 10)
    assert torch.equal(found[..., :5], nodes[..., senders(4), :])
    assert torch.equal(found[..., 5:], nodes[..., receivers(4), :])


def test_a_particle_collects_its_incoming_edges() -> None:
    edges = torch.randn(2, 12, 5, generator=torch.Generator().manual_seed(0))
    expected = torch.zeros(2, 4, 5).index_add(1, receivers(4), edges)
    wrong = torch.zeros(2, 4, 5).index_add(1, senders(4), edges)
    assert torch.allclose(edges_to_nodes(edges, 4), expected, atol=1e-6)
    assert not torch.allclose(edges_to_nodes(edges, 4), wrong, atol=1e-2)

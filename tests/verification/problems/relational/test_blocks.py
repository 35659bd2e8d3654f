"""The block: its initial weights, and a normalisation over batch and items together."""

from __future__ import annotations

import torch
from torch import nn

from gradverify.verification.problems.relational.blocks import MLP, initialise


def test_outputs_are_normalised_over_batch_and_items() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        out = MLP(4, 6)(torch.randn(10, 7, 4))
    assert out.shape == (10, 7, 6)
    assert torch.allclose(out.mean((0, 1)), torch.zeros(6), atol=1e-5)
    assert torch.allclose(out.var((0, 1), correction=0), torch.ones(6), atol=1e-2)


def test_biases_start_at_a_tenth() -> None:
    with torch.random.fork_rng():
        assert bool((initialise(nn.Linear(3, 2)).bias == 0.1).all())

"""Peers: other ways to write the score function draw its rows."""

from __future__ import annotations

import pytest
import torch

from gradverify.verification.throughput.peers import TORCH_PEERS, forward_walk


@pytest.mark.parametrize("name", TORCH_PEERS)
def test_peers_draw_the_score_functions_rows(name: str) -> None:
    """Means of 2.76, standard deviations of 7.2: 4.9 standard errors, a false-fail rate of 9.6e-7."""
    torch.manual_seed(0)
    rows = 400 if name.startswith("one ") else 4000
    found = TORCH_PEERS[name](10, rows, torch.float64, "cpu", torch.Generator().manual_seed(0))
    assert found.shape == (rows,)
    assert abs(found.mean() - 2.76488620) < 4.9 * 52.2**0.5 / rows**0.5


def test_the_yardstick_draws_the_objective() -> None:
    """E[X^2] = 29.54; the false-fail rate as above, the standard deviation from the rows."""
    found = forward_walk(10, 20_000, torch.float64, "cpu", torch.Generator().manual_seed(0))
    assert abs(found.mean() - 29.53888502) < 4.9 * found.std() / 20_000**0.5

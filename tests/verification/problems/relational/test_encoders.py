"""Encoders: shapes, equivariance under a renaming of the particles, and too few frames."""

from __future__ import annotations

import pytest
import torch

from gradverify.verification.problems.relational.encoders import make_encoder
from gradverify.verification.problems.relational.graphs import num_edges

from .networks import ORDER, H, K, N, T, frames, renamed, seeded


@pytest.mark.parametrize("name", ["mlp", "cnn"])
def test_encoders_are_equivariant(name: str) -> None:
    encoder = seeded(lambda: make_encoder(name, T, H, K))  # type: ignore[arg-type]
    logits = encoder(frames())
    assert logits.shape == (2, num_edges(N), K)
    moved = encoder(frames()[:, ORDER])
    assert torch.allclose(moved, renamed(logits), atol=1e-5)
    assert not torch.allclose(moved, logits, atol=1e-3)


def test_too_few_frames_for_the_convolutions_are_refused() -> None:
    with pytest.raises(ValueError, match="13 frames; the CNN encoder needs at least 14"):
        make_encoder("cnn", 13, H, K)
    assert make_encoder("cnn", 14, H, K).eval()(frames(time=14)).shape == (2, num_edges(N), K)

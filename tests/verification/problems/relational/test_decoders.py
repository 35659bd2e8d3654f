"""Encoders and decoders: shapes, equivariance under a renaming of the particles, and what feeds what."""

from __future__ import annotations

import pytest
import torch

from gradverify.verification.problems.relational.decoders import MLPDecoder, RecurrentDecoder, make_decoder
from gradverify.verification.problems.relational.graphs import num_edges

from .networks import ORDER, H, K, N, T, frames, renamed, seeded, weights


@pytest.mark.parametrize("name", ["mlp", "rnn"])
@pytest.mark.parametrize("skip_first", [True, False])
def test_decoders_are_equivariant(name: str, skip_first: bool) -> None:
    decoder = seeded(lambda: make_decoder(name, H, K, skip_first=skip_first))  # type: ignore[arg-type]
    predicted = decoder(frames(), weights(), 10)
    assert predicted.shape == (2, N, T - 1, 4)
    moved = decoder(frames()[:, ORDER], renamed(weights()), 10)
    assert torch.allclose(moved, predicted[:, ORDER], atol=1e-4)
    assert not torch.allclose(decoder(frames()[:, ORDER], weights(), 10), predicted[:, ORDER], atol=1e-4)


@pytest.mark.parametrize("name", ["mlp", "rnn"])
def test_a_first_type_that_is_skipped_sends_nothing(name: str) -> None:
    none = torch.zeros(2, num_edges(N), 2)
    none[..., 0] = 1
    for skip_first, alone in ((True, True), (False, False)):
        decoder = seeded(lambda skip=skip_first: make_decoder(name, H, 2, skip_first=skip))  # type: ignore[arg-type]
        changed = frames()
        changed[:, 1:] += 1
        same = torch.allclose(decoder(frames(), none, 5)[:, 0], decoder(changed, none, 5)[:, 0], atol=1e-6)
        assert same is alone


def test_a_markov_decoder_restarts_from_the_truth() -> None:
    decoder = seeded(lambda: MLPDecoder(H, K, skip_first=True))
    given, horizon = frames(), 5
    predicted = decoder(given, weights(), horizon)
    for start in (0, 5, 10):
        ahead = min(horizon, T - 1 - start)
        forecast = decoder.forecast(given[:, :, : start + 1], weights(), ahead)
        assert torch.allclose(predicted[:, :, start : start + ahead], forecast, atol=1e-5)
    # A frame that no restart sees changes nothing.
    given = frames()
    given[:, :, 7] += 1
    assert torch.equal(decoder(given, weights(), horizon), predicted)


def test_a_recurrent_decoder_is_fed_its_own_last_predictions() -> None:
    decoder = seeded(lambda: RecurrentDecoder(H, K, skip_first=True))
    predicted = decoder(frames(), weights(), 10)
    unseen, seen = frames(), frames()
    unseen[:, :, T - 10 :] += 1
    seen[:, :, T - 11] += 1
    assert torch.equal(decoder(unseen, weights(), 10), predicted)
    assert not torch.equal(decoder(seen, weights(), 10), predicted)
    # With a horizon of one every input is the truth.
    seen = frames()
    seen[:, :, T - 2] += 1
    assert not torch.equal(decoder(seen, weights(), 1)[:, :, -1], decoder(frames(), weights(), 1)[:, :, -1])


@pytest.mark.parametrize("name", ["mlp", "rnn"])
def test_a_forecast_continues_the_prediction(name: str) -> None:
    decoder = seeded(lambda: make_decoder(name, H, K, skip_first=True))  # type: ignore[arg-type]
    forecast = decoder.forecast(frames(), weights(), 3)  # type: ignore[operator]
    assert forecast.shape == (2, N, 3, 4)
    assert torch.allclose(decoder.forecast(frames(), weights(), 1), forecast[:, :, :1], atol=1e-6)  # type: ignore[operator]


def test_messages_follow_the_edges_weights() -> None:
    """Gradients reach the weights of every type that sends."""
    decoder = seeded(lambda: MLPDecoder(H, K, skip_first=True))
    edges = weights().requires_grad_()
    (gradient,) = torch.autograd.grad(decoder(frames(), edges, 5).square().sum(), edges)
    assert not gradient[..., 0].any()
    assert bool((gradient[..., 1:].abs().sum((0, 1)) > 0).all())

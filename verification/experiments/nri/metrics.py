"""Measures of a trained model."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import permutations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ...problems.relational.decoders import Decoder
from ...problems.relational.encoders import Encoder
from ...problems.relational.losses import kl_as_plotted, trajectory_nll, true_kl
from .dataset import Split
from .sampling import draw_hard

__all__ = ["FORECASTS", "Scores", "evaluate", "forecast_errors", "measure_accuracies"]

FORECASTS = (1, 10, 20)
"""The numbers of steps ahead at which the error of a forecast is reported."""

_BATCH = 512


@dataclass(frozen=True, kw_only=True)
class Scores:
    """The measures of a model on one split, with hard samples of the edges.

    Attributes:
        accuracy: The share of edges whose most probable type is the true one, under the best relabelling of the types.
        raw_accuracy: The accuracy without relabelling.
        nll: The negative log-likelihood with a true frame every ten steps, in nats per particle.
        nll_one_step: The negative log-likelihood with a true frame at every step.
        kl: The KL from the uniform prior, in nats per particle.
        kl_plotted: The KL without its constant.
    """

    accuracy: float
    raw_accuracy: float
    nll: float
    nll_one_step: float
    kl: float
    kl_plotted: float


@torch.no_grad()
def evaluate(encoder: Encoder, decoder: Decoder, split: Split, horizon: int, seed: int, *, frames: int | None = None) -> Scores:
    """Measure a model on a split; its networks must be in evaluation mode.

    Args:
        encoder: The encoder.
        decoder: The decoder.
        split: The data.
        horizon: The number of steps between two true frames; ten everywhere in the study.
        seed: The seed of the edges' samples.
        frames: The number of the split's frames that are used; all by default.

    Returns:
        The means over the split.
    """
    generator = torch.Generator(split.frames.device).manual_seed(seed)
    sums = torch.zeros(4, dtype=torch.float64)
    guesses = []
    particles = split.frames.shape[1]
    for part in _parts(split):
        seen = part.frames[:, :, :frames]
        logits = encoder(seen)
        edges = draw_hard(logits, generator)
        losses = [trajectory_nll(decoder(seen, edges, steps), seen[:, :, 1:]) for steps in (horizon, 1)]
        measured = (*losses, true_kl(logits, particles), kl_as_plotted(logits, particles))
        sums += torch.stack([each.double().sum().cpu() for each in measured])
        guesses.append(logits.argmax(-1))
    best, raw = measure_accuracies(torch.cat(guesses), split.edges, logits.shape[-1])
    nll, one_step, kl, plotted = (sums / len(split)).tolist()
    return Scores(accuracy=best, raw_accuracy=raw, nll=nll, nll_one_step=one_step, kl=kl, kl_plotted=plotted)


def measure_accuracies(
    guess: Int[Tensor, "graphs edges"], truth: Int[Tensor, "graphs edges"], types: int
) -> tuple[float, float]:
    """Return the share of edges guessed right under the best relabelling of the types, and without relabelling.

    One relabelling out of K! serves all graphs. If every type sends messages, it is arbitrary which type is called 0, so an
    accuracy of 0.44 may be 0.56.

    Example:
        >>> measure_accuracies(torch.tensor([[0, 0, 1]]), torch.tensor([[1, 1, 1]]), 2)
        (0.6666666666666666, 0.3333333333333333)
    """
    table = torch.bincount(guess.flatten() * types + truth.flatten(), minlength=types * types).reshape(types, types)
    counts, total = table.tolist(), guess.numel()
    right = [sum(counts[kind][label] for kind, label in enumerate(order)) for order in permutations(range(types))]
    return max(right) / total, right[0] / total


@torch.no_grad()
def forecast_errors(encoder: Encoder, decoder: Decoder, split: Split, frames: int, seed: int) -> tuple[float, ...]:
    """Return the mean squared errors of forecasts 1, 10 and 20 steps ahead, in normalised units squared.

    The encoder sees the first ``frames`` frames; the forecast starts at the one after them.

    Args:
        encoder: The encoder, in evaluation mode.
        decoder: The decoder, in evaluation mode.
        split: Trajectories of at least ``frames + 21`` frames; in shorter ones an error may be NaN.
        frames: The number of frames that the encoder sees.
        seed: The seed of the edges' samples.

    Returns:
        One error for each of `FORECASTS`.
    """
    generator = torch.Generator(split.frames.device).manual_seed(seed)
    steps = min(max(FORECASTS), split.frames.shape[2] - frames - 1)
    total: Float[Tensor, " steps"] = torch.zeros(steps, dtype=torch.float64)
    for part in _parts(split):
        edges = draw_hard(encoder(part.frames[:, :, :frames]), generator)
        predicted = decoder.forecast(part.frames[:, :, : frames + 1], edges, steps)
        truth = part.frames[:, :, frames + 1 : frames + 1 + steps]
        total += (predicted - truth).square().mean((1, 3)).double().sum(0).cpu()
    return tuple(float(total[ahead - 1]) / len(split) if ahead <= steps else math.nan for ahead in FORECASTS)


def _parts(split: Split) -> list[Split]:
    """Return the split in batches that fit on any device."""
    starts = range(0, len(split), _BATCH)
    return [Split(split.frames[start : start + _BATCH], split.edges[start : start + _BATCH]) for start in starts]

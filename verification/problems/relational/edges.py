"""Relational inference in small: the types of a few edges, drawn from an encoder's posterior, drive a decoder.

With three particles there are six edges and 64 graphs, so the exact gradient of the expected loss is a sum over 64 terms. Both
networks are those of `gradverify.verification.experiments.nri`, frozen in evaluation mode (in training, batch normalisation
would couple the rows).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor
from torch.distributions import Categorical, OneHotCategorical

from ....estimators.protocol import Sample
from ..problem import Problem
from .decoders import MLPDecoder
from .encoders import MLPEncoder
from .graphs import edge_labels
from .losses import trajectory_nll

__all__ = ["edges"]

_HIDDEN = 8
_STEPS = 3
_SEED = 9  # no edge's gradient is negligible beside the others'
_SPREAD = 0.5


def edges(particles: int) -> list[Problem]:
    """Return the expected negative log-likelihood of a trajectory, differentiated in the edges' logits, ``[N (N - 1), 2]``.

    The trajectory is the frozen decoder's own under a true graph, a path, so that the edges determine the loss as they do for a
    trained decoder. The loss is nearly quadratic in hard edges: terms of third and higher order carry less than a thousandth of
    its variance over the graphs. There are two forms: ``one_hot``, and ``index``, where an edge's type i enters as (1 - i, i).

    Raises:
        ValueError: Fewer than two particles.
    """
    if particles < 2:
        raise ValueError(f"{particles} particles; edges need at least 2")
    logits = _frozen(particles, "cpu", torch.float64).logits
    return [
        Problem(
            name=f"edges:{particles}/{text}/logits",
            program=_Program(particles, draw),
            params=logits,
            continuous=True,
            chained=False,
            quick=False,
        )
        for text, draw in (("one_hot", _one_hot), ("index", _index))
    ]


@dataclass(frozen=True)
class _Program:
    """The program that draws the edges, rolls the decoder out, and compares the result with the trajectory."""

    particles: int
    draw: Callable[[Tensor, Sample], Tensor]

    def __call__(self, params: Tensor, sample: Sample) -> Tensor:
        frozen = _frozen(self.particles, str(params.device), params.dtype)
        frames = frozen.frames.expand(len(params), -1, -1, -1)
        return trajectory_nll(frozen.decoder(frames, self.draw(params, sample), _STEPS), frames[:, :, 1:])


@dataclass(frozen=True, eq=False)
class _Frozen:
    """A trajectory ``[1, N, T, 4]``, the encoder's logits ``[E, 2]`` for it, and the decoder."""

    frames: Tensor
    logits: Tensor
    decoder: MLPDecoder


@cache
@torch.no_grad()
def _frozen(particles: int, device: str, dtype: torch.dtype) -> _Frozen:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(_SEED)
        encoder = MLPEncoder(_STEPS + 1, _HIDDEN, 2).eval()
        decoder = MLPDecoder(_HIDDEN, 2, skip_first=True).eval()
        start = _SPREAD * torch.randn(1, particles, 1, 4)
    for each in (*encoder.parameters(), *decoder.parameters()):
        each.requires_grad_(False)
    encoder, decoder, start = encoder.double(), decoder.double(), start.double()
    distance = torch.arange(particles)[:, None] - torch.arange(particles)
    truth = torch.nn.functional.one_hot(edge_labels((distance.abs() == 1).long()), 2).double()
    frames = torch.cat((start, decoder.forecast(start, truth[None], _STEPS)), dim=2)
    logits = 2 * encoder(frames)[0]  # twice an untrained encoder's, so that the edges differ in probability
    return _Frozen(frames.to(device, dtype), logits.to(device, dtype), decoder.to(device, dtype))


def _one_hot(params: Tensor, sample: Sample) -> Tensor:
    return sample(OneHotCategorical(logits=params, validate_args=False))


def _index(params: Tensor, sample: Sample) -> Tensor:
    index = sample(Categorical(logits=params, validate_args=False))
    return torch.stack((1 - index, index), dim=-1)

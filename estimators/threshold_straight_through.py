"""Straight-through without noise: the most probable category in place of a draw."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from .protocol import FINITE_SITES, Claims, Program
from .runs.relaxed import differentiate, one_hot
from .sites.reading import FiniteSite
from .straight_through import carrying

__all__ = ["ThresholdStraightThrough"]


@dataclass(frozen=True)
class ThresholdStraightThrough:
    """Straight-through without noise: the most probable category forward, its probabilities backward.

    ``z = D + p - sg(p)`` with D the one-hot of the largest probability (the first of several; a bit is ``1[p > 1/2]``). It
    differentiates another, deterministic program; biased by all that the draw would have added. No variance. Cost: one
    evaluation and its derivative.

    Example:
        >>> import torch
        >>> from torch.distributions import Bernoulli
        >>> program = lambda params, sample: (1 + sample(Bernoulli(params))) ** 2
        >>> ThresholdStraightThrough()(program, torch.tensor(0.7), 2, torch.Generator())
        tensor([4., 4.])

    References:
        Hinton (2012), Neural networks for machine learning, lecture 9; Bengio, Leonard and Courville (2013), arXiv 1308.3432.
    """

    claims: ClassVar[Claims] = Claims(bias="biased")
    sites: ClassVar[tuple[type, ...]] = FINITE_SITES
    needs_differentiable: ClassVar[bool] = True
    deterministic: ClassVar[bool] = True
    evaluations: ClassVar[int | None] = 1
    forward: ClassVar[str] = "forced"
    reference: ClassVar[str] = "Bengio et al. 2013"

    def __call__(
        self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator
    ) -> Float[Tensor, "{num_samples} *param"]:
        """Return the one gradient, repeated: ``[num_samples, *param]``."""
        return differentiate(_rule, program, params, num_samples, generator)


def _rule(site: FiniteSite, generator: torch.Generator) -> Tensor:
    probabilities = site.probabilities()
    return carrying(one_hot(site, probabilities.detach().argmax(-1)), probabilities)

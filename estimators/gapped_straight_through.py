"""Gapped straight-through: a deterministic margin in place of Gumbel noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from .hyper_parameters import require_positive
from .protocol import FINITE_SITES, Claims, NotApplicableError, Program
from .runs.relaxed import differentiate, one_hot
from .runs.tape import draw
from .sites.reading import FiniteSite
from .straight_through import carrying

__all__ = ["GappedStraightThrough"]


@dataclass(frozen=True)
class GappedStraightThrough:
    """Straight-through with logits moved until the drawn category leads by a gap.

    For D one-hot drawn from p and ``theta = log p``: the drawn logit is raised to the largest,
    ``m1 = (max theta - theta_D) D``, and the others are lowered to a gap below it,
    ``m2 = relu(theta + gap - max theta) (1 - D)``. Backward ``y = softmax((theta + sg(m1 - m2)) / tau)``, that is
    ``J(y) / tau grad f(D)`` in the logits. It stands for straight-through Gumbel-Softmax with no noise but the draw's; biased.
    Cost: one evaluation and its derivative.

    Args:
        temperature: tau > 0.
        gap: The margin, not negative; None for the expected margin ``-log(1 - p_D) / p_D`` of Gumbel noise given the draw.

    Raises:
        NotApplicableError: The temperature is not positive, or the gap negative.

    Example:
        >>> import torch
        >>> from torch.distributions import OneHotCategorical
        >>> program = lambda params, sample: sample(OneHotCategorical(logits=params))[:, 0]
        >>> GappedStraightThrough(gap=0.0)(program, torch.zeros(2), 1, torch.Generator())
        tensor([[ 0.2500, -0.2500]])

    References:
        Fan, Chi, Rudnicky and Ramadge (2022), arXiv 2206.07235.
    """

    temperature: float = 1.0
    gap: float | None = 1.0

    claims: ClassVar[Claims] = Claims(bias="biased")
    sites: ClassVar[tuple[type, ...]] = FINITE_SITES
    needs_differentiable: ClassVar[bool] = True
    evaluations: ClassVar[int | None] = 1
    reference: ClassVar[str] = "Fan et al. 2022"

    def __post_init__(self) -> None:
        require_positive("gapped straight-through", temperature=self.temperature)
        if self.gap is not None and not self.gap >= 0:
            raise NotApplicableError(f"gapped straight-through: gap={self.gap}; it must not be negative (None: adaptive)")

    def __call__(
        self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator
    ) -> Float[Tensor, "{num_samples} *param"]:
        """Return replicates, ``[num_samples, *param]``."""
        return differentiate(self.rule, program, params, num_samples, generator)

    def rule(self, site: FiniteSite, generator: torch.Generator) -> Tensor:
        """Draw the hard sample and give it the gradient of the margined logits, ``[rows, *batch, K]``."""
        drawn = one_hot(site, draw(site, generator))
        logits = site.log_probabilities()
        relaxed = torch.softmax((logits + self._shift(logits.detach(), drawn)) / self.temperature, dim=-1)
        return carrying(drawn, relaxed)

    def _shift(self, logits: Tensor, drawn: Tensor) -> Tensor:
        """Return ``m1 - m2``."""
        largest = logits.amax(-1, keepdim=True)
        chosen = (drawn * logits).sum(-1, keepdim=True)
        gap = _expected_gap(chosen.exp()) if self.gap is None else self.gap
        return (largest - chosen) * drawn - (logits + gap - largest).relu() * (1 - drawn)


def _expected_gap(chosen: Tensor) -> Tensor:
    """Return ``-log(1 - p) / p``, finite at p = 1."""
    return -torch.log1p(-chosen.clamp_max(1 - torch.finfo(chosen.dtype).eps)) / chosen

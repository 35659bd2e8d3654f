"""Gumbel-Rao: straight-through Gumbel-Softmax averaged over the noise, given the draw."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from .hyper_parameters import require_at_least, require_positive
from .protocol import CATEGORICAL_SITES, Claims, Program
from .runs.exponential_noise import exponential_like
from .runs.relaxed import differentiate, one_hot
from .runs.tape import draw
from .sites.reading import FiniteSite
from .straight_through import carrying

__all__ = ["GumbelRao", "conditional_gumbels", "race"]


@dataclass(frozen=True)
class GumbelRao:
    """Straight-through Gumbel-Softmax, its relaxed sample's derivative averaged over noise that draws the same category.

    For D one-hot drawn from p and S perturbed logits ``z_s`` given their argmax D,
    ``(1 / S) sum_s J(softmax(z_s / tau)) / tau grad f(D)`` in the logits: ``z_s = log p + (z_s - log p)`` with the bracket
    held constant. Its mean is that of straight-through Gumbel-Softmax, biased for every tau; its variance is
    ``Var E[g | D] + E Var[g | D] / S``. Cost: one evaluation and its derivative, and S draws of noise a category.

    Args:
        temperature: tau > 0.
        num_noises: S, at least one.

    Raises:
        NotApplicableError: The temperature is not positive, or there is no noise to average.

    Example:
        >>> import torch
        >>> from torch.distributions import OneHotCategorical
        >>> program = lambda params, sample: sample(OneHotCategorical(logits=params))[:, 0]
        >>> GumbelRao(num_noises=4)(program, torch.zeros(3), 5, torch.Generator()).shape
        torch.Size([5, 3])

    References:
        Paulus, Maddison and Krause (2020), arXiv 2010.04838.
    """

    temperature: float = 0.5
    num_noises: int = 10

    claims: ClassVar[Claims] = Claims(bias="biased")
    sites: ClassVar[tuple[type, ...]] = CATEGORICAL_SITES
    needs_differentiable: ClassVar[bool] = True
    evaluations: ClassVar[int | None] = 1
    reference: ClassVar[str] = "Paulus et al. 2020"

    def __post_init__(self) -> None:
        require_positive("Gumbel-Rao", temperature=self.temperature)
        require_at_least("Gumbel-Rao", 1, "an average", num_noises=self.num_noises)

    def __call__(
        self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator
    ) -> Float[Tensor, "{num_samples} *param"]:
        """Return replicates, ``[num_samples, *param]``."""
        return differentiate(self.rule, program, params, num_samples, generator)

    def rule(self, site: FiniteSite, generator: torch.Generator) -> Tensor:
        """Draw the hard sample and give it the averaged gradient, ``[rows, *batch, K]``."""
        drawn = one_hot(site, draw(site, generator))
        logits = site.log_probabilities()
        noises = (self.num_noises, *logits.shape)
        # Through the conditional noise itself the derivative would be another, wrong one: it is held as a shift.
        shift = conditional_gumbels(logits.detach().expand(noises), drawn, generator) - logits.detach()
        relaxed = torch.softmax((logits + shift) / self.temperature, dim=-1).mean(0)
        return carrying(drawn, relaxed)


def conditional_gumbels(logits: Tensor, drawn: Tensor, generator: torch.Generator) -> Tensor:
    """Draw perturbed logits ``log p + G`` given the category that is their argmax.

    Args:
        logits: ``log p``, normalised and finite, ``[..., K]``.
        drawn: One-hot, ``[..., K]`` up to broadcasting.
        generator: The source of one exponential draw an entry.

    Returns:
        ``[..., K]``, connected to ``logits``; see `race`.
    """
    return race(logits, drawn, exponential_like(logits, generator).log_())


def race(logits: Tensor, drawn: Tensor, log_exponential: Tensor) -> Tensor:
    """Turn exponential draws E into perturbed logits with argmax D: arrival times of a race that D has won.

    ``z_D = -log E_D`` and ``z_i = -log(E_i / p_i + E_D)``: the largest of all has the standard Gumbel law whichever it is, and
    the others have theirs cut off there. The derivative in the logits is that of the conditional law's own reparametrisation.
    """
    first = (drawn * log_exponential).sum(-1, keepdim=True)
    others = torch.logaddexp(log_exponential - logits, first)
    return -torch.where(drawn.bool(), first, others)

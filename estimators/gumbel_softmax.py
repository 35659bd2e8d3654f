"""Gumbel-Softmax (the Concrete distribution): relaxed, and straight-through."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from .hyper_parameters import require_positive
from .protocol import FINITE_SITES, Claims, Program
from .runs.exponential_noise import exponential_like
from .runs.relaxed import differentiate, one_hot
from .sites.reading import FiniteSite
from .straight_through import carrying

__all__ = ["GumbelSoftmax", "StraightThroughGumbelSoftmax"]


@dataclass(frozen=True)
class GumbelSoftmax:
    """The objective of relaxed samples, differentiated.

    ``y = softmax((log p + G) / tau)`` with standard Gumbel noise G, and the gradient of f(y). It differentiates another
    program, one whose samples lie inside the simplex; its bias vanishes as tau -> 0 while its variance grows as 1 / tau.
    Cost: one evaluation and its derivative.

    Args:
        temperature: tau > 0.

    Raises:
        NotApplicableError: The temperature is not positive.

    Example:
        >>> import torch
        >>> from torch.distributions import OneHotCategorical
        >>> program = lambda params, sample: sample(OneHotCategorical(logits=params))[:, 0]
        >>> GumbelSoftmax()(program, torch.zeros(3), 5, torch.Generator()).shape
        torch.Size([5, 3])

    References:
        Maddison, Mnih and Teh (2016), arXiv 1611.00712; Jang, Gu and Poole (2016), arXiv 1611.01144.
    """

    temperature: float = 0.5

    claims: ClassVar[Claims] = Claims(bias="biased")
    sites: ClassVar[tuple[type, ...]] = FINITE_SITES
    needs_differentiable: ClassVar[bool] = True
    evaluations: ClassVar[int | None] = 1
    forward: ClassVar[str] = "relaxed"
    reference: ClassVar[str] = "Maddison et al. 2016; Jang et al. 2016"

    def __post_init__(self) -> None:
        require_positive("Gumbel-Softmax", temperature=self.temperature)

    def __call__(
        self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator
    ) -> Float[Tensor, "{num_samples} *param"]:
        """Return replicates, ``[num_samples, *param]``."""
        return differentiate(self.rule, program, params, num_samples, generator)

    def rule(self, site: FiniteSite, generator: torch.Generator) -> Tensor:
        """Draw the relaxed sample, ``[rows, *batch, K]``."""
        logits = site.log_probabilities()
        perturbed = logits - exponential_like(logits, generator).log()
        return torch.softmax(perturbed / self.temperature, dim=-1)


@dataclass(frozen=True)
class StraightThroughGumbelSoftmax(GumbelSoftmax):
    """Hard samples forward, the relaxed sample's derivative backward.

    ``z = one_hot(argmax y) + y - sg(y)``, y as in `GumbelSoftmax`: the gradient is ``J(y) / tau grad f(one_hot)``. Biased
    for every tau; as tau -> 0 its mean tends to the trapezoid rule's (exact for quadratic f) while its variance grows as
    1 / tau. Cost: one evaluation and its derivative.

    References:
        Jang, Gu and Poole (2016), arXiv 1611.01144, section 2.2.
    """

    forward: ClassVar[str] = "law"
    reference: ClassVar[str] = "Jang et al. 2016"

    def rule(self, site: FiniteSite, generator: torch.Generator) -> Tensor:
        """Draw the hard sample and give it the gradient of the relaxed one, ``[rows, *batch, K]``."""
        relaxed = super().rule(site, generator)
        return carrying(one_hot(site, relaxed.detach().argmax(-1)), relaxed)

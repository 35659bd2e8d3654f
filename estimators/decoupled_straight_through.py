"""Decoupled straight-through: one temperature to sample with, another to differentiate with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from .hyper_parameters import require_positive
from .protocol import FINITE_SITES, Claims, Program
from .runs.relaxed import differentiate, one_hot
from .runs.tape import draw
from .sites.reading import FiniteSite
from .softmax_straight_through import temper
from .straight_through import carrying

__all__ = ["DecoupledStraightThrough"]


@dataclass(frozen=True)
class DecoupledStraightThrough:
    """Samples at one temperature, the gradient of the probabilities at another.

    ``z = D + p_b - sg(p_b)`` with ``p_b = softmax(log p / tau_b)`` and D drawn from ``softmax(log p / tau_f)``: the
    gradient in the logits is ``J(p_b) / tau_b grad f(D)``. With tau_f other than one it samples another program; biased.
    Both temperatures one is `StraightThrough`. Cost: one evaluation and its derivative.

    Args:
        forward_temperature: tau_f > 0, of the draw.
        backward_temperature: tau_b > 0, of the gradient.

    Raises:
        NotApplicableError: A temperature is not positive.

    Example:
        >>> import torch
        >>> from torch.distributions import Bernoulli
        >>> program = lambda params, sample: sample(Bernoulli(logits=params))
        >>> DecoupledStraightThrough()(program, torch.tensor(0.0), 2, torch.Generator())
        tensor([0.1250, 0.1250])

    References:
        Shah, Yan, Mozer and Liu (2024), arXiv 2410.13331.
    """

    forward_temperature: float = 0.5
    backward_temperature: float = 2.0

    sites: ClassVar[tuple[type, ...]] = FINITE_SITES
    needs_differentiable: ClassVar[bool] = True
    evaluations: ClassVar[int | None] = 1
    reference: ClassVar[str] = "Shah et al. 2024"

    def __post_init__(self) -> None:
        require_positive(
            "decoupled straight-through",
            forward_temperature=self.forward_temperature,
            backward_temperature=self.backward_temperature,
        )

    @property
    def claims(self) -> Claims:
        """The claim of a bias; linear objectives are exact if both temperatures are one."""
        plain = self.forward_temperature == self.backward_temperature == 1
        return Claims(bias="biased", exact_degree=1 if plain else None)

    @property
    def forward(self) -> str:
        """The law of the samples: that of the sites at tau_f = 1 only."""
        return "law" if self.forward_temperature == 1 else "forced"

    def __call__(
        self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator
    ) -> Float[Tensor, "{num_samples} *param"]:
        """Return replicates, ``[num_samples, *param]``."""
        return differentiate(self.rule, program, params, num_samples, generator)

    def rule(self, site: FiniteSite, generator: torch.Generator) -> Tensor:
        """Draw the hard sample at tau_f and give it the gradient at tau_b, ``[rows, *batch, K]``."""
        forward = temper(site, self.forward_temperature).detach()
        sampled = site.with_probabilities(forward)
        return carrying(one_hot(site, draw(sampled, generator)), temper(site, self.backward_temperature))

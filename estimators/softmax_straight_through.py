"""Straight-through with a temperature backward."""

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
from .straight_through import carrying

__all__ = ["SoftmaxStraightThrough", "temper"]


@dataclass(frozen=True)
class SoftmaxStraightThrough:
    """Straight-through with a temperature backward.

    ``z = D + p_tau - sg(p_tau)`` with ``p_tau = softmax(log p / tau)``, D drawn from p: the gradient in the logits is
    ``J(p_tau) / tau grad f(D)``. tau = 1 is `StraightThrough`; any other tau is biased for linear objectives too. Cost: one
    evaluation and its derivative.

    Args:
        temperature: tau > 0.

    Raises:
        NotApplicableError: The temperature is not positive.

    Example:
        >>> import torch
        >>> from torch.distributions import Bernoulli
        >>> program = lambda params, sample: 3 * sample(Bernoulli(logits=params))
        >>> SoftmaxStraightThrough(temperature=2.0)(program, torch.tensor(0.0), 2, torch.Generator())
        tensor([0.3750, 0.3750])

    References:
        Bengio, Leonard and Courville (2013), arXiv 1308.3432.
    """

    temperature: float = 0.5

    sites: ClassVar[tuple[type, ...]] = FINITE_SITES
    needs_differentiable: ClassVar[bool] = True
    evaluations: ClassVar[int | None] = 1
    reference: ClassVar[str] = "Bengio et al. 2013"

    def __post_init__(self) -> None:
        require_positive("softmax straight-through", temperature=self.temperature)

    @property
    def claims(self) -> Claims:
        """The claim of a bias; linear objectives are exact at tau = 1 only."""
        return Claims(bias="biased", exact_degree=1 if self.temperature == 1 else None, variance_exponent=1.0)

    def __call__(
        self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator
    ) -> Float[Tensor, "{num_samples} *param"]:
        """Return replicates, ``[num_samples, *param]``."""
        return differentiate(self.rule, program, params, num_samples, generator)

    def rule(self, site: FiniteSite, generator: torch.Generator) -> Tensor:
        """Draw the hard sample and give it the gradient of the tempered probabilities, ``[rows, *batch, K]``."""
        return carrying(one_hot(site, draw(site, generator)), temper(site, self.temperature))


def temper(site: FiniteSite, temperature: float) -> Tensor:
    """Return ``softmax(log p / tau)`` with its graph, ``[rows, *batch, K]``."""
    return torch.softmax(site.log_probabilities() / temperature, dim=-1)

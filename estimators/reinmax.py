"""ReinMax: the straight-through estimator corrected to second order."""

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

__all__ = ["ReinMax"]


@dataclass(frozen=True)
class ReinMax:
    """Heun's rule between categories, with hard samples.

    In the logits, for D one-hot drawn from p, ``q = (softmax(log p / tau) + D) / 2`` and ``J(q) = diag(q) - q q^T``, the
    gradient is ``2 J(q) g - J(p) g / 2``, g the objective's derivative at D. At tau = 1 that is the trapezoid rule: exact
    for objectives of degree up to two in each sample of an unchained program, biased by the third derivative else. Any
    other tau is biased for quadratic objectives too. For two categories and tau = 1 the weights are ``1 / (2 p_D)``.
    Variance O(n) on the random walk. Cost: one evaluation and its derivative.

    Args:
        temperature: tau > 0; it acts backward only.

    Raises:
        NotApplicableError: The temperature is not positive.

    Example:
        >>> import torch
        >>> from torch.distributions import Bernoulli
        >>> program = lambda params, sample: sample(Bernoulli(params))
        >>> rows = ReinMax()(program, torch.tensor(0.25), 100, torch.Generator().manual_seed(0))
        >>> sorted({round(each, 4) for each in rows.tolist()})
        [0.6667, 2.0]

    References:
        Liu, Dong, Liu, Yu and Gao (2023), Bridging discrete and backpropagation, arXiv 2304.08612.
    """

    temperature: float = 1.0

    sites: ClassVar[tuple[type, ...]] = FINITE_SITES
    needs_differentiable: ClassVar[bool] = True
    evaluations: ClassVar[int | None] = 1
    reference: ClassVar[str] = "Liu et al. 2023"

    def __post_init__(self) -> None:
        require_positive("ReinMax", temperature=self.temperature)

    @property
    def claims(self) -> Claims:
        """The claim of a bias; it is exact to second order at tau = 1 only."""
        return Claims(bias="biased", exact_degree=2 if self.temperature == 1 else None, variance_exponent=1.0)

    def __call__(
        self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator
    ) -> Float[Tensor, "{num_samples} *param"]:
        """Return replicates, ``[num_samples, *param]``."""
        return differentiate(self.rule, program, params, num_samples, generator)

    def rule(self, site: FiniteSite, generator: torch.Generator) -> Tensor:
        """Draw the hard sample and give it the gradient of ReinMax, ``[rows, *batch, K]``."""
        drawn = one_hot(site, draw(site, generator))
        carried = _trapezoid(site, drawn) if self.temperature == 1 else _temper(site, drawn, self.temperature)
        return carrying(drawn, carried)


def _trapezoid(site: FiniteSite, drawn: Tensor) -> Tensor:
    """Return ``(p + (D - sg(p)) p_D / sg(p_D)) / 2``, the rule at tau = 1 in the probabilities.

    Only the drawn category's probability divides, so that p = 0 and p = 1 are allowed.
    """
    probabilities = site.probabilities()
    chosen = (drawn * probabilities).sum(-1, keepdim=True)
    return (probabilities + (drawn - probabilities.detach()) * (chosen / chosen.detach())) / 2


def _temper(site: FiniteSite, drawn: Tensor, temperature: float) -> Tensor:
    """Return ``2 softmax(log p + sg(log q - log p)) - p / 2``, whose derivative in log p is ``2 J(q) - J(p) / 2``."""
    logits = site.log_probabilities()
    midpoint = (torch.softmax(logits.detach() / temperature, dim=-1) + drawn) / 2
    shift = midpoint.clamp_min(torch.finfo(midpoint.dtype).tiny).log() - logits.detach()
    return 2 * torch.softmax(logits + shift, dim=-1) - site.probabilities() / 2

"""Straight-through: hard samples forward, their probabilities backward."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from .protocol import FINITE_SITES, Claims, Program
from .runs.relaxed import differentiate, one_hot
from .runs.tape import draw
from .sites.reading import FiniteSite

__all__ = ["StraightThrough", "carrying", "straight_through_rule"]


@dataclass(frozen=True)
class StraightThrough:
    """The straight-through estimator: backward as if the sample were its probabilities.

    ``z = D + p - sg(p)``, D one-hot drawn from p, so the gradient is ``J(p) grad f(D)``. Exact where f is linear in every
    sample and samples do not feed later sites; else biased by the curvature of f. Variance O(n) on the random walk.
    Cost: one evaluation and its derivative.

    Example:
        >>> import torch
        >>> from torch.distributions import Bernoulli
        >>> program = lambda params, sample: 3 * sample(Bernoulli(params))
        >>> StraightThrough()(program, torch.tensor(0.3), 2, torch.Generator())
        tensor([3., 3.])

    References:
        Bengio, Leonard and Courville (2013), arXiv 1308.3432.
    """

    claims: ClassVar[Claims] = Claims(bias="biased", exact_degree=1, variance_exponent=1.0)
    sites: ClassVar[tuple[type, ...]] = FINITE_SITES
    needs_differentiable: ClassVar[bool] = True
    evaluations: ClassVar[int | None] = 1
    reference: ClassVar[str] = "Bengio et al. 2013"

    def __call__(
        self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator
    ) -> Float[Tensor, "{num_samples} *param"]:
        """Return replicates, ``[num_samples, *param]``."""
        return differentiate(straight_through_rule, program, params, num_samples, generator)


def straight_through_rule(site: FiniteSite, generator: torch.Generator) -> Tensor:
    """Draw the hard sample and give it the gradient of its probabilities, ``[rows, *batch, K]``."""
    return carrying(one_hot(site, draw(site, generator)), site.probabilities())


def carrying(value: Tensor, carrier: Tensor) -> Tensor:
    """Return a value with the derivative of another tensor of its shape.

    Forward it is the value to the last bit, because zero is added: ``value + carrier - carrier`` would be rounded, and a
    program that tests whether its state is 0 would find that it is not.

    Example:
        >>> bit, p = torch.tensor(1.0), torch.tensor(0.3, requires_grad=True)
        >>> carrying(bit, p) == bit, bit + p - p.detach() == bit
        (tensor(True), tensor(False))
    """
    return value + (carrier - carrier.detach())

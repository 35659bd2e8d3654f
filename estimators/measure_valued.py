"""Measure-valued derivatives: the derivative of each law as a difference of two laws, on coupled phases."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Binomial, Distribution, Geometric, Poisson

from .alternatives.jumps import possible
from .protocol import FINITE_SITES, Claims, Program
from .runs.forced_runs import Alternatives, differentiate_forced, other_categories
from .runs.tape import accept, choose, draw
from .sites.reading import FiniteSite

__all__ = ["MeasureValued"]


@dataclass(frozen=True)
class MeasureValued:
    """Measure-valued derivatives of whole programs, element by element.

    The derivative of a law is a constant times the difference of two laws, its phases; f is evaluated with the element
    drawn from each, all else the same. The phases are coupled so that the run itself serves as one of them:

        Bernoulli      ``dp (f(1) - f(0))``
        categorical    ``sum_j dp_j (1 - p_j) (f(j) - f(i))``, i drawn from p without j: the run's x where x != j
        Binomial       ``n dp (f(Y + 1) - f(Y))``, Y ~ Binomial(n - 1, p): Y is x - 1 with probability x / n, else x
        Poisson        ``drate (f(x + 1) - f(x))``
        Geometric      ``dp / p (f(x) - f(x + y + 1))``, y another draw: x + y is negative binomial

    plus grad f at fixed outcomes. Later sites of the phases are drawn from the run's own uniforms. The categorical row is the
    Hahn-Jordan form in each logit, ``p_j (1 - p_j)``, carried to the parameters by their log-probabilities.

    Unbiased for any program and black-box objectives. Cost: one evaluation, and one more for each element, K - 1 more for a
    categorical one, in one batch.

    Example:
        >>> import torch
        >>> from torch.distributions import Poisson
        >>> program = lambda params, sample: sample(Poisson(params))
        >>> MeasureValued()(program, torch.tensor(2.5), 3, torch.Generator())
        tensor([1., 1., 1.])

    References:
        Pflug (1989); Heidergott and Vazquez-Abad (2008); Mohamed, Rosca, Figurnov and Mnih (2019), arXiv 1906.10652, section 6.
    """

    claims: ClassVar[Claims] = Claims(bias="unbiased")
    sites: ClassVar[tuple[type, ...]] = FINITE_SITES
    evaluations: ClassVar[int | None] = None
    reference: ClassVar[str] = "Pflug 1989; Mohamed et al. 2019"

    def __call__(
        self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator
    ) -> Float[Tensor, "{num_samples} *param"]:
        """Return replicates, ``[num_samples, *param]``."""
        return differentiate_forced(_phases, program, params, num_samples, generator)


def _phases(
    distribution: Distribution, site: FiniteSite, index: Tensor, leaf: Tensor, generator: torch.Generator
) -> Alternatives:
    """Return the other phase of every element, and what ``f(other phase) - f(run)`` counts."""
    rule = _COUNT_RULES.get(type(distribution), _categorical)
    return rule(distribution, site, index, leaf, generator)


def _categorical(
    distribution: Distribution, site: FiniteSite, index: Tensor, leaf: Tensor, generator: torch.Generator
) -> Alternatives:
    """Weigh every j but x with ``(1 - p_j) dp_j``; set x itself against one drawn from the rest, with ``-(1 - p_x) dp_x``.

    Of two categories the terms are dp_j alone.
    """
    probabilities = site.probabilities()
    others = other_categories(index, possible(probabilities, leaf))
    columns = others.movedim(0, -1)
    term = probabilities.gather(-1, columns)
    if site.num_categories > 2:
        chances = term.detach().masked_fill(columns == index.unsqueeze(-1), 0.0)
        against = choose(chances.reshape(-1, chances.shape[-1]), generator).reshape(index.shape).unsqueeze(-1)
        own = site.probability(index)
        term = (1 - term.detach()) * term
        term = term.scatter_add(-1, against, -((1 - own.detach()) * own).unsqueeze(-1))
    return Alternatives(others, term.movedim(-1, 0))


def _binomial(
    distribution: Binomial, site: FiniteSite, index: Tensor, leaf: Tensor, generator: torch.Generator
) -> Alternatives:
    """Take one trial less if it was a success, else one success more: ``n dp (f(Y + 1) - f(Y))``."""
    count = index.to(site.dtype)
    trials = distribution.total_count.to(site.dtype).expand(index.shape)
    fewer = accept(count.reshape(-1), trials.reshape(-1), generator).reshape(index.shape)
    sign = torch.where(fewer, -1.0, 1.0).to(site.dtype)
    # Without trials there is nothing to derive, and the outcome stays its own.
    other = torch.where(trials > 0, index + sign.long(), index)
    return Alternatives(other.unsqueeze(0), (sign * trials * distribution.probs).unsqueeze(0))


def _poisson(distribution: Poisson, site: FiniteSite, index: Tensor, leaf: Tensor, generator: torch.Generator) -> Alternatives:
    return Alternatives((index + 1).unsqueeze(0), distribution.rate.unsqueeze(0))


def _geometric(
    distribution: Geometric, site: FiniteSite, index: Tensor, leaf: Tensor, generator: torch.Generator
) -> Alternatives:
    other = index + draw(site.detach(), generator) + 1
    return Alternatives(other.unsqueeze(0), (-distribution.probs / distribution.probs.detach()).unsqueeze(0))


_COUNT_RULES: dict[type[Distribution], Callable[[Any, FiniteSite, Tensor, Tensor, torch.Generator], Alternatives]] = {
    Binomial: _binomial,
    Poisson: _poisson,
    Geometric: _geometric,
}

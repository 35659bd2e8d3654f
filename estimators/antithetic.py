"""Antithetic estimators for Bernoulli variables: ARM, DisARM and ARMS."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Bernoulli

from .hyper_parameters import require_at_least
from .protocol import Claims, Program, UnsupportedSiteError
from .runs.coupled_runs import Joint, differentiate_jointly
from .runs.exponential_noise import exponential_like
from .runs.tape import draw
from .sites.held_probabilities import below_one
from .sites.reading import CategoricalSite, FiniteSite

__all__ = ["ARM", "ARMS", "DisARM", "antithetic_bits"]


@dataclass(frozen=True)
class ARM:
    """Augment, REINFORCE, merge: two runs, from u and from 1 - u.

    ``(f(1[u > 1 - p]) - f(1[u < p])) (u - 1/2)`` for the logit of each element, one uniform u an element; ``grad p /
    (p (1 - p))`` makes it a gradient in the parameters. Unbiased for p inside (0, 1). Where the two runs of a
    chained program have other probabilities they go on independently. Cost: two evaluations.

    Example:
        >>> import torch
        >>> from torch.distributions import Bernoulli
        >>> program = lambda params, sample: sample(Bernoulli(logits=params)).sum(1)
        >>> rows = ARM()(program, torch.zeros(3), 1000, torch.Generator().manual_seed(0))
        >>> rows.mean(0).round(decimals=1)
        tensor([0.2000, 0.2000, 0.2000])

    References:
        Yin and Zhou (2018), arXiv 1807.11143.
    """

    claims: ClassVar[Claims] = Claims(bias="unbiased", variance_exponent=2.0)
    sites: ClassVar[tuple[type, ...]] = (Bernoulli,)
    evaluations: ClassVar[int | None] = 2
    reference: ClassVar[str] = "Yin & Zhou 2018"

    def __call__(
        self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator
    ) -> Float[Tensor, "{num_samples} *param"]:
        """Return replicates, ``[num_samples, *param]``."""
        return differentiate_jointly(_arm, program, params, num_samples, generator, 2)


@dataclass(frozen=True)
class DisARM:
    """DisARM (also U2G): ARM with the uniform integrated out, given the two bits.

    ``1/2 (f(b) - f(b')) (b - b') grad p / min(p, 1 - p)`` per element, (b, b') an antithetic pair; for a logit the
    last factor is ``sigmoid(|logit|)``. The two bits differ as often as they can, and where they agree the element counts
    nothing. Unbiased for p inside (0, 1), its variance never above ARM's. Where the two runs of a
    chained program have other probabilities they go on independently, each the other's baseline. Cost: two evaluations.

    Example:
        >>> import torch
        >>> from torch.distributions import Bernoulli
        >>> program = lambda params, sample: (sample(Bernoulli(logits=params)) + 1) ** 3
        >>> DisARM()(program, torch.tensor(0.0), 3, torch.Generator())
        tensor([1.7500, 1.7500, 1.7500])

    References:
        Dong, Mnih and Tucker (2020), arXiv 2006.10680; Yin, Ho, Yan, Qian and Zhou (2020).
    """

    claims: ClassVar[Claims] = Claims(bias="unbiased", variance_exponent=2.0)
    sites: ClassVar[tuple[type, ...]] = (Bernoulli,)
    evaluations: ClassVar[int | None] = 2
    reference: ClassVar[str] = "Dong et al. 2020"

    def __call__(
        self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator
    ) -> Float[Tensor, "{num_samples} *param"]:
        """Return replicates, ``[num_samples, *param]``."""
        return differentiate_jointly(antithetic_bits, program, params, num_samples, generator, 2)


@dataclass(frozen=True)
class ARMS:
    """Antithetic REINFORCE with n runs, negatively correlated by a Dirichlet copula.

    ``1 / (n - 1) sum_i (f_i - mean f) (b_i - p) grad p / (p - P11)`` per element: d ~ Dirichlet(1, ..., 1), u_i = (1 -
    d_i)^(n-1), b_i = 1[u_i < p] (from 1 - u_i if p >= 1/2), and P11 the probability that two given bits are ones. With m =
    min(p, 1 - p), ``p - P11 = m - max(0, 2 m^(1/(n-1)) - 1)^(n-1)``. Unbiased for p inside (0, 1); n = 2 is `DisARM`. Where
    runs of a chained program have other probabilities they go on independently. Cost: n evaluations.

    Args:
        copies: n, at least two.

    Raises:
        NotApplicableError: Fewer than two runs.

    Example:
        >>> import torch
        >>> from torch.distributions import Bernoulli
        >>> program = lambda params, sample: sample(Bernoulli(logits=params)).sum(1)
        >>> ARMS(copies=3)(program, torch.zeros(2), 5, torch.Generator()).shape
        torch.Size([5, 2])

    References:
        Dimitriev and Zhou (2021), arXiv 2105.14141.
    """

    copies: int = 4

    claims: ClassVar[Claims] = Claims(bias="unbiased", variance_exponent=2.0)
    sites: ClassVar[tuple[type, ...]] = (Bernoulli,)
    reference: ClassVar[str] = "Dimitriev & Zhou 2021"

    def __post_init__(self) -> None:
        require_at_least("ARMS", 2, "an antithetic group", copies=self.copies)

    @property
    def evaluations(self) -> int | None:
        """The number of runs, n."""
        return self.copies

    def __call__(
        self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator
    ) -> Float[Tensor, "{num_samples} *param"]:
        """Return replicates, ``[num_samples, *param]``."""
        return differentiate_jointly(_arms, program, params, num_samples, generator, self.copies)


def _require_bits(name: str, site: FiniteSite) -> None:
    if not site.boolean:
        raise UnsupportedSiteError(
            f"{name}: a site has {site.num_categories} categories, index or one-hot; it needs Bernoulli sites"
        )


def _arm(site: FiniteSite, coupled: Tensor, generator: torch.Generator) -> Joint:
    """Draw bits from u and 1 - u; given u, the logit's score is ``1 - 2 u``, opposite in the two runs."""
    _require_bits("ARM", site)
    probs = site.probs.detach()
    first, second = torch.rand(probs.shape, generator=generator, dtype=site.dtype, device=site.device).unbind(1)
    uniform = torch.stack((first, torch.where(coupled, 1 - first, second)), 1)
    spread = probs * (1 - probs)
    score = site.probs * torch.where(spread > 0, (1 - 2 * uniform) / spread, 0.0)
    weight = torch.where(coupled, 0.5, 1.0).to(site.dtype)
    return Joint(site.index_from(uniform), score, weight.unsqueeze(1).unsqueeze(1))


def antithetic_bits(site: FiniteSite, coupled: Tensor, generator: torch.Generator) -> Joint:
    """Draw a pair of bits that differ as often as they can, in one draw from its four cells.

    ``W = p (1 - p) / min(p, 1 - p) = max(p, 1 - p)`` where they differ, zero where they agree.

    Args:
        site: A Bernoulli site, elements ``[rows, 2, *batch]``.
        coupled: True where the pair may be coupled, ``[rows, *batch]``; elsewhere it is independent, with W = 1.
        generator: The source of the draw.
    """
    _require_bits("DisARM", site)
    first, second = site.probs.detach().unbind(1)
    both = torch.where(coupled, (first + second - 1).clamp(min=0), first * second)
    # The two cells that matter come first: rounding of the cumulative sum spares small ones there.
    cells = torch.stack((first - both, second - both, 1 - first - second + both, both), -1)
    cell = draw(CategoricalSite(cells.clamp_(min=0)), generator)
    index = torch.stack(((cell == 0) | (cell == 3), (cell == 1) | (cell == 3)), 1)
    weight = torch.where(coupled, torch.maximum(first, 1 - first) * (cell < 2), 1.0)
    return Joint(index, site.score_surrogate(index), weight.unsqueeze(1).unsqueeze(1))


def _arms(site: FiniteSite, coupled: Tensor, generator: torch.Generator) -> Joint:
    """Draw bits from the Dirichlet copula; ``W = p (1 - p) / (p - P11)`` is one over one minus the correlation of two bits."""
    _require_bits("ARMS", site)
    probs = site.probs.detach()
    power = probs.shape[1] - 1
    exponential = exponential_like(probs, generator)
    copula = (1 - exponential / exponential.sum(1, keepdim=True)) ** power
    copula = torch.where(probs < 0.5, copula, 1 - copula)
    # The same exponential draws, taken one by one, are independent: their distribution function makes them uniform.
    uniform = torch.where(coupled.unsqueeze(1), copula, -torch.expm1(-exponential))
    index = site.index_from(below_one(uniform))
    lesser = torch.minimum(probs[:, 0], 1 - probs[:, 0])
    excess = lesser - (2 * lesser ** (1 / power) - 1).clamp(min=0) ** power
    weight = torch.where(coupled & (excess > 0), lesser * (1 - lesser) / excess, 1.0)
    return Joint(index, site.score_surrogate(index), weight.unsqueeze(1).unsqueeze(1))

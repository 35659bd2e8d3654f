"""Antithetic estimators for categorical variables: importance-weighted pairs, CARMS, and DisARM on stick-breaking bits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from .antithetic import antithetic_bits
from .hyper_parameters import require_at_least
from .protocol import CATEGORICAL_SITES, Claims, Program, UnsupportedSiteError
from .runs.coupled_runs import Joint, differentiate_jointly
from .runs.exponential_noise import exponential_like
from .runs.tape import draw
from .sites.held_probabilities import below_one
from .sites.reading import BernoulliSite, CategoricalSite, FiniteSite

__all__ = ["CARMS", "CoupledPair", "StickBreakingDisARM"]


@dataclass(frozen=True)
class CoupledPair:
    """Two antithetic runs, reweighted from the law of the pair to independence (DisARM-IW).

    ``1/2 (f(z) - f(z')) (D - D') p_z p_z' / r(z, z')`` in the logits of each element, D one-hot and r the joint law of (z, z').
    The pair breaks sticks from the rarest category to the most frequent one, with antithetic bits: so ordered, every stick but
    the last takes half of the rest or less, hence r > 0 wherever z != z', without which the estimate would be biased. With k
    the lesser rank and ``t_k`` the probability of ranks k and above, ``p_z p_z' / r = t_k t_{k+1} / prod_{l<k} (t_{l+1} -
    p_l) / t_l``. Unbiased; at K = 2 it is DisARM. Where the two runs of a chained program have other probabilities they
    go on independently. Cost: two evaluations.

    Example:
        >>> import torch
        >>> from torch.distributions import Categorical
        >>> program = lambda params, sample: (sample(Categorical(logits=params)) + 1) ** 3
        >>> CoupledPair()(program, torch.zeros(4), 5, torch.Generator()).shape
        torch.Size([5, 4])

    References:
        Dong, Mnih and Tucker (2021), Coupled gradient estimators for discrete latent variables, arXiv 2106.08056.
    """

    claims: ClassVar[Claims] = Claims(bias="unbiased", variance_exponent=2.0)
    sites: ClassVar[tuple[type, ...]] = CATEGORICAL_SITES
    evaluations: ClassVar[int | None] = 2
    reference: ClassVar[str] = "Dong et al. 2021"

    def __call__(
        self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator
    ) -> Float[Tensor, "{num_samples} *param"]:
        """Return replicates, ``[num_samples, *param]``."""
        return differentiate_jointly(_pair, program, params, num_samples, generator, 2)


@dataclass(frozen=True)
class CARMS:
    """Categorical antithetic REINFORCE with n runs, negatively correlated by a Dirichlet copula.

    The mean of ``1/2 (f_i - f_j) (D_i - D_j) p_{z_i} p_{z_j} / r(z_i, z_j)`` over the pairs of n runs. The copula is that of
    ARMS, any two of its uniforms having ``P(u < a, v < b) = max(0, a^(1/m) + b^(1/m) - 1)^m`` with m = n - 1. Every
    element draws one of the K (K - 1) category orders that put one category first and another last, and all runs invert
    the distribution function in that order; r is averaged over the orders, and any two categories are first and last in
    one of them, hence r > 0 wherever z_i != z_j. Unbiased; at K = n = 2 it is DisARM. Where runs of a chained program have
    other probabilities they go on independently. Cost: n evaluations, and O(n^2 K^2) arithmetic an element.

    Args:
        copies: n, at least two.

    Raises:
        NotApplicableError: Fewer than two runs.

    Example:
        >>> import torch
        >>> from torch.distributions import Categorical
        >>> program = lambda params, sample: (sample(Categorical(logits=params)) + 1) ** 3
        >>> CARMS(copies=3)(program, torch.zeros(4), 5, torch.Generator()).shape
        torch.Size([5, 4])

    References:
        Dimitriev and Zhou (2021), arXiv 2110.14002; the set of orders is this package's choice.
    """

    copies: int = 3

    claims: ClassVar[Claims] = Claims(bias="unbiased", variance_exponent=2.0)
    sites: ClassVar[tuple[type, ...]] = CATEGORICAL_SITES
    reference: ClassVar[str] = "Dimitriev & Zhou 2021"

    def __post_init__(self) -> None:
        require_at_least("CARMS", 2, "an antithetic group", copies=self.copies)

    @property
    def evaluations(self) -> int | None:
        """The number of runs, n."""
        return self.copies

    def __call__(
        self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator
    ) -> Float[Tensor, "{num_samples} *param"]:
        """Return replicates, ``[num_samples, *param]``."""
        return differentiate_jointly(_carms, program, params, num_samples, generator, self.copies)


@dataclass(frozen=True)
class StickBreakingDisARM:
    """DisARM on the bits that break the stick (DisARM-SB).

    Bit k is set with probability ``p_k / sum_{l >= k} p_l``, and z is the first bit set. The bits are antithetic pairs, DisARM
    gives the gradient in their probabilities, and the chain rule leads to the parameters. Bits behind both runs' categories
    decide nothing and count nothing. Unbiased; its variance depends on the order of the categories, and at K = 2 it is
    DisARM. Where the two runs of a chained program have other probabilities they go on independently. Cost: two evaluations.

    Example:
        >>> import torch
        >>> from torch.distributions import Categorical
        >>> program = lambda params, sample: (sample(Categorical(logits=params)) + 1) ** 3
        >>> StickBreakingDisARM()(program, torch.zeros(4), 5, torch.Generator()).shape
        torch.Size([5, 4])

    References:
        Dong, Mnih and Tucker (2021), Coupled gradient estimators for discrete latent variables, arXiv 2106.08056.
    """

    claims: ClassVar[Claims] = Claims(bias="unbiased", variance_exponent=2.0)
    sites: ClassVar[tuple[type, ...]] = CATEGORICAL_SITES
    evaluations: ClassVar[int | None] = 2
    reference: ClassVar[str] = "Dong et al. 2021"

    def __call__(
        self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator
    ) -> Float[Tensor, "{num_samples} *param"]:
        """Return replicates, ``[num_samples, *param]``."""
        return differentiate_jointly(_stick_breaking, program, params, num_samples, generator, 2)


def _pair(site: FiniteSite, coupled: Tensor, generator: torch.Generator) -> Joint:
    """Draw both categories at once by their ranks, from the rarest category to the most frequent."""
    first, second = site.probabilities().detach().unbind(1)
    order = first.argsort(-1)
    first, second = first.gather(-1, order), second.gather(-1, order)
    table, weights = _stick_breaking_table(first)
    table = torch.where(coupled[..., None, None], table, first.unsqueeze(-1) * second.unsqueeze(-2))
    cell = draw(CategoricalSite(table.flatten(-2)), generator)
    ranks = torch.stack((cell // site.num_categories, cell % site.num_categories), -1)
    index = order.gather(-1, ranks)
    weight = weights.gather(-1, ranks.amin(-1, keepdim=True)).squeeze(-1) * (index[..., 0] != index[..., 1])
    index = index.movedim(-1, 1)
    return Joint(index, site.score_surrogate(index), torch.where(coupled, weight, 1.0).unsqueeze(1).unsqueeze(1))


def _stick_breaking_table(probs: Tensor) -> tuple[Tensor, Tensor]:
    """Return the law of a pair of ranks, ``[..., K, K]``, and ``p_k p_j / r(k, j)`` by the lesser rank, ``[..., K]``.

    Args:
        probs: ``[..., K]``, ascending.
    """
    tail = probs.flip(-1).cumsum(-1).flip(-1)
    rest = torch.nn.functional.pad(tail[..., 1:], (0, 1))
    # Both runs pass a stick with probability 1 - 2 p_k / t_k; no stick but the last is above one half.
    passed = (rest - probs).clamp(min=0) / tail
    alive = torch.nn.functional.pad(passed[..., :-1].cumprod(-1), (1, 0), value=1.0)
    # Run one stops at k and run two goes on, to j > k with probability p_j / t_{k+1}.
    stops = alive * probs / tail / torch.where(rest > 0, rest, 1.0)
    upper = (stops.unsqueeze(-1) * probs.unsqueeze(-2)).triu(1)
    both = torch.zeros_like(probs)
    both[..., -1] = alive[..., -1]
    weights = tail * rest / torch.where(alive > 0, alive, 1.0)
    return upper + upper.mT + both.diag_embed(), weights


def _carms(site: FiniteSite, coupled: Tensor, generator: torch.Generator) -> Joint:
    """Invert the copula's uniforms into categories, all runs in one order of the categories."""
    categories = site.num_categories
    if categories < 2:
        raise UnsupportedSiteError("CARMS: a site has one category; it needs at least 2")
    probs = site.probabilities().detach()
    power = probs.shape[1] - 1
    exponential = exponential_like(probs[..., 0], generator)
    copula = (1 - exponential / exponential.sum(1, keepdim=True)) ** power
    uniform = torch.where(coupled.unsqueeze(1), copula, -torch.expm1(-exponential))
    first, last = _ends(categories, site.device)
    level = torch.ones(*coupled.shape, len(first), dtype=site.dtype, device=site.device)
    drawn = draw(CategoricalSite(level), generator).unsqueeze(1)
    key = torch.arange(categories, device=site.device).expand(*drawn.shape, categories)
    key = key.scatter(-1, first[drawn].unsqueeze(-1), -1).scatter(-1, last[drawn].unsqueeze(-1), categories)
    order = key.argsort(-1).expand_as(probs)
    rank = CategoricalSite(probs.gather(-1, order)).index_from(below_one(uniform))
    index = order.gather(-1, rank.unsqueeze(-1)).squeeze(-1)
    weight = torch.where(coupled[:, None, None], _copula_weight(probs, index, power), 1.0)
    return Joint(index, site.score_surrogate(index), weight)


def _copula_weight(probs: Tensor, index: Tensor, power: int) -> Tensor:
    """Return ``p_z p_z' / r(z, z')`` of every two runs, zero where they agree: ``[rows, copies, copies, *batch]``.

    ``r`` is a mean of rectangles of the copula, small differences of its distribution function: hence float64.
    """
    copies = index.shape[1]
    first, second = torch.triu_indices(copies, copies, 1, device=index.device)
    low, high = _interval(probs.double(), index)
    edges = torch.stack((low, high)) ** (1 / power)
    corners = (edges[:, None, :, first] + edges[None, :, :, second] - 1).clamp(min=0) ** power
    law = (corners[1, 1] - corners[0, 1] - corners[1, 0] + corners[0, 0]).mean(-1)
    chosen = probs.double().gather(-1, index.unsqueeze(-1)).squeeze(-1)
    differ = (index[:, first] != index[:, second]) & (law > 0)
    ratio = chosen[:, first] * chosen[:, second] / torch.where(differ, law, 1.0) * differ
    weight = torch.zeros(len(index), copies, *index.shape[1:], dtype=probs.dtype, device=probs.device)
    weight[:, first, second] = weight[:, second, first] = ratio.to(probs.dtype)
    return weight


def _interval(probs: Tensor, index: Tensor) -> tuple[Tensor, Tensor]:
    """Return the ends of the given categories in [0, 1] in each of the orders: two of ``[rows, copies, *batch, orders]``."""
    first, last = _ends(probs.shape[-1], probs.device)
    before = torch.nn.functional.pad(probs.cumsum(-1)[..., :-1], (1, 0)).gather(-1, index.unsqueeze(-1))
    chosen = probs.gather(-1, index.unsqueeze(-1))
    place = index.unsqueeze(-1)
    head, foot = probs[..., first], probs[..., last]
    low = before + torch.where(first < place, 0.0, head) - torch.where(last < place, foot, 0.0)
    low = torch.where(place == first, 0.0, torch.where(place == last, 1 - chosen, low)).clamp(0, 1)
    return low, (low + chosen).clamp(max=1)


def _ends(categories: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return the first and the last category of each of the K (K - 1) orders."""
    order = torch.arange(categories * (categories - 1), device=device)
    first, last = order // (categories - 1), order % (categories - 1)
    return first, last + (last >= first)


def _stick_breaking(site: FiniteSite, coupled: Tensor, generator: torch.Generator) -> Joint:
    """Draw the bits of DisARM, one a stick; the index is the first bit that is set."""
    probs = site.probabilities()
    tail = probs.flip(-1).cumsum(-1).flip(-1)[..., :-1]
    sticks = BernoulliSite(probs[..., :-1] / torch.where(tail > 0, tail, 1.0))
    bits = antithetic_bits(sticks, coupled.unsqueeze(-1), generator)
    index = (bits.index.cumsum(-1) == 0).sum(-1)
    # A run that goes on alone has no use for bits behind its own category.
    reach = torch.where(coupled.unsqueeze(1), index.amax(1, keepdim=True), index)
    used = torch.arange(sticks.shape[-1], device=site.device) <= reach.unsqueeze(-1)
    return Joint(index, bits.score, bits.weight * used.unsqueeze(2))

"""Smoothed stochastic triples: the derivative of the output times the mean of the candidate jumps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Bernoulli, Categorical, Distribution

from .protocol import Claims, NotApplicableError, Program, evaluate, row_gradients, row_leaf
from .runs.tape import draw
from .sites.reading import COUNT_SITES, FiniteSite, finite_site_of
from .straight_through import carrying

__all__ = ["SmoothedTriple", "smoothed_weights"]


@dataclass(frozen=True)
class SmoothedTriple:
    """Stochastic triples smoothed over both directions, in reverse mode.

    A value x drawn from p carries the derivative ``dx/dp_j = w_j(x)``, the conditional mean of its candidate jump averaged
    over the two one-sided derivatives. Bernoulli: ``w = 1 / (2 p)`` for a one, ``1 / (2 (1 - p))`` for a zero. Categorical
    index i: ``w_j(i) = -(1[j < i] + 1[j <= i] 1[i < K - 1]) / (2 p_i)``; for counts that is ``(X / p + (n - X) / (1 - p)) / 2``
    (Binomial), ``(1 + X / rate) / 2`` (Poisson), ``-(X / (p (1 - p)) + (X + 1) / p) / 2`` (Geometric).

    This is the trapezoid rule: unbiased for objectives up to degree two in each sample of an unchained program, biased
    beyond; a term f''' is the first to be missed. Variance O(n) on the random walk. Cost: one evaluation and its derivative.
    Where p is 0 or 1 it is half the one-sided derivative.

    Example:
        >>> import torch
        >>> from torch.distributions import Bernoulli
        >>> program = lambda params, sample: sample(Bernoulli(params))
        >>> rows = SmoothedTriple()(program, torch.tensor(0.25), 1000, torch.Generator().manual_seed(0))
        >>> sorted({round(each, 4) for each in rows.tolist()})
        [0.6667, 2.0]

    References:
        Arya, Schauer, Schaefer and Rackauckas (2022), arXiv 2210.08572, section 2.4.
    """

    claims: ClassVar[Claims] = Claims(bias="biased", exact_degree=2, variance_exponent=1.0)
    sites: ClassVar[tuple[type, ...]] = (Bernoulli, Categorical, *COUNT_SITES)
    needs_differentiable: ClassVar[bool] = True
    evaluations: ClassVar[int | None] = 1
    reference: ClassVar[str] = "Arya et al. 2022"

    def __call__(
        self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator
    ) -> Float[Tensor, "{num_samples} *param"]:
        """Return replicates, ``[num_samples, *param]``."""
        leaf = row_leaf(params, num_samples)

        def sample(distribution: Distribution) -> Tensor:
            site = finite_site_of(distribution, num_samples)
            index = draw(site, generator)
            carried = smoothed_weights(site, index) * site.probs
            derivative = carried if carried.dim() == len(site.shape) else carried.sum(-1)
            return carrying(site.from_index(index), derivative)

        return row_gradients(evaluate(program, leaf, sample), leaf)


def smoothed_weights(site: FiniteSite, index: Tensor) -> Tensor:
    """Return ``dx/dp`` of the drawn values: ``[rows, *batch]`` for bits, ``[rows, *batch, K]`` for categories."""
    if site.boolean:
        return 0.5 / site.detach().probability(index)
    if site.law is not Categorical:
        raise NotApplicableError(
            "smoothed triple: a one-hot or subset value has no neighbours to jump to; use an index-valued site"
        )
    drawn = index.unsqueeze(-1)
    category = torch.arange(site.num_categories, device=site.device)
    left = (category < drawn).to(site.dtype)
    right = ((category <= drawn) & (drawn < site.num_categories - 1)).to(site.dtype)
    # The sum over j of dp_j is zero, so one may be added to 1[j < i] and to 1[j <= i]: above the median the sum over the upper
    # tail loses no digits to cancellation before it is divided by a small p_i.
    upper = (site.detach().probabilities().cumsum(-1).gather(-1, drawn) > 0.5).to(site.dtype)
    jumps = left + right - upper * ((drawn > 0).to(site.dtype) + (drawn < site.num_categories - 1).to(site.dtype))
    return -jumps / (2 * site.detach().probability(index).unsqueeze(-1))

"""Count distributions as tables: Binomial, Geometric and Poisson sites are categorical over 0, 1, 2, ...

A table makes every rule for index-valued sites apply to counts: inversion, one-sided jumps, smoothed weights, scores.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.distributions import Binomial, Distribution, Geometric, Poisson

from ..errors import UnsupportedSiteError

__all__ = ["MAX_CATEGORIES", "count_probabilities"]

MAX_CATEGORIES = 10_000
"""The length of the longest table; a site that needs a longer one is refused."""


def count_probabilities(distribution: Distribution) -> Tensor:
    """Tabulate the probabilities of 0, 1, ..., K - 1, differentiable in the distribution's parameter.

    For a Binomial, K - 1 is the largest ``total_count``. Geometric and Poisson tables are cut where at most 2^-53 of the mass
    is left (2^-24 in float32), which one uniform in [0, 1) cannot resolve; sampling gives that mass to the last category. The
    derivative is the closed form, with nothing clamped, so it holds at probability 0 and 1 and at rate 0:

        Binomial: n (b(k - 1; n - 1, p) - b(k; n - 1, p)), Poisson: P(k - 1) - P(k), Geometric: (1 - p)^k - k p (1 - p)^(k - 1).

    Only the first derivative is right: the table is linear in the parameter around its value. The cost is O(K) an element; on
    an accelerator the host waits once, because the length of the table depends on the parameter.

    Args:
        distribution: ``Binomial``, ``Geometric`` (counting failures from 0) or ``Poisson``, of batch shape
            ``[rows, *batch]``.

    Returns:
        ``[rows, *batch, K]``.

    Raises:
        UnsupportedSiteError: The distribution is another one, or needs a table of more than `MAX_CATEGORIES` categories.

    Example:
        >>> import torch
        >>> count_probabilities(Binomial(2, torch.tensor([0.5])))
        tensor([[0.2500, 0.5000, 0.2500]])
    """
    if isinstance(distribution, Binomial):
        parameter = distribution.probs
        values, slopes = _binomial(distribution.total_count.double(), parameter.detach().double())
    elif isinstance(distribution, Geometric):
        parameter = distribution.probs
        values, slopes = _geometric(parameter.detach().double(), _log_resolution(parameter))
    elif isinstance(distribution, Poisson):
        parameter = distribution.rate
        values, slopes = _poisson(parameter.detach().double(), _log_resolution(parameter))
    else:
        raise UnsupportedSiteError(
            f"{type(distribution).__name__} is not a count distribution; expected Binomial, Geometric or Poisson"
        )
    change = (parameter - parameter.detach()).unsqueeze(-1)
    return values.to(parameter.dtype) + slopes.to(parameter.dtype) * change


def _binomial(trials: Tensor, p: Tensor) -> tuple[Tensor, Tensor]:
    count = _support(float(trials.max()) + 1, p, "Binomial")
    trials, p = trials.unsqueeze(-1), p.unsqueeze(-1)
    fewer = _binomial_mass(count, trials - 1, p)
    return _binomial_mass(count, trials, p), trials * (_shift(fewer) - fewer)


def _binomial_mass(count: Tensor, trials: Tensor, p: Tensor) -> Tensor:
    rest = (trials - count).clamp(min=0)
    ways = torch.lgamma(trials.clamp(min=0) + 1) - torch.lgamma(count + 1) - torch.lgamma(rest + 1)
    mass = (ways + torch.xlogy(count, p) + torch.special.xlog1py(rest, -p)).exp()
    return torch.where(count <= trials, mass, 0.0)


def _geometric(p: Tensor, neglected: float) -> tuple[Tensor, Tensor]:
    least = float(p.min())
    # P(X >= K) = (1 - p)^K.
    tail = -math.log1p(-least) if least < 1 else math.inf
    count = _support(2 + neglected / tail if tail > 0 else math.inf, p, "Geometric")
    p = p.unsqueeze(-1)
    before = (1 - p) ** (count - 1).clamp(min=0)
    return p * (1 - p) ** count, (1 - p) ** count - count * p * before


def _poisson(rate: Tensor, neglected: float) -> tuple[Tensor, Tensor]:
    # Bernstein's bound: P(X >= rate + t) <= exp(-t^2 / (2 (rate + t / 3))), solved for t.
    largest = float(rate.max())
    third = neglected / 3
    count = _support(2 + largest + third + math.sqrt(third**2 + 2 * neglected * largest), rate, "Poisson")
    rate = rate.unsqueeze(-1)
    mass = (torch.xlogy(count, rate) - rate - torch.lgamma(count + 1)).exp()
    return mass, _shift(mass) - mass


def _support(needed: float, parameter: Tensor, name: str) -> Tensor:
    """Return 0, 1, ..., K - 1 with K at least `needed`."""
    if not needed <= MAX_CATEGORIES:
        raise UnsupportedSiteError(
            f"a {name} site needs a table of {needed:.3g} categories, more than {MAX_CATEGORIES}; its parameter lies in "
            f"[{float(parameter.min()):.3g}, {float(parameter.max()):.3g}]"
        )
    return torch.arange(math.ceil(needed), dtype=torch.float64, device=parameter.device)


def _shift(mass: Tensor) -> Tensor:
    """Return ``mass(k - 1)``."""
    return torch.nn.functional.pad(mass[..., :-1], (1, 0))


def _log_resolution(parameter: Tensor) -> float:
    """Return minus the logarithm of the mass that may be cut off."""
    return (53 if parameter.dtype == torch.float64 else 24) * math.log(2)

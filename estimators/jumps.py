"""Candidate jumps: where a drawn outcome could have gone had the parameters been a little different, and at what rate.

Both flows R(i -> j) below move probability as the parameters do, ``sum_i p_i R(i -> j) - p_j sum_k R(j -> k) = dp_j``, so
``dE f = E sum_j R(i -> j) (f(j) - f(i))``.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.autograd import forward_ad

from .sites import BernoulliSite, Site
from .tape import choose

__all__ = ["Jump", "dual_number", "leave_one_out_jump", "one_sided_jump", "unpacked", "with_tangent"]


@dataclass(frozen=True, eq=False)
class Jump:
    """One candidate jump for every element of a site.

    Attributes:
        rate: How much the jump counts when one of many is kept, ``[rows, *batch]``, non-negative.
        alternative: The index jumped to, ``[rows, *batch]``.
        density: Probability with which ``alternative`` was proposed, given the outcome; None where the rate says it all.
    """

    rate: Tensor
    alternative: Tensor
    density: Tensor | None


def one_sided_jump(site: Site, tangent: Tensor, index: Tensor, generator: torch.Generator) -> Jump:
    """The jumps that inversion makes when a scalar parameter grows: to a neighbour only.

    With ``L_i = sum_{j <= i} dp_j``: to i - 1 at rate ``L_{i-1} / p_i`` where that is positive, to i + 1 at rate ``-L_i / p_i``
    where that is. For a bit: 0 to 1 at rate ``dp / (1 - p)`` if dp > 0, 1 to 0 at rate ``-dp / p`` if dp < 0.

    Args:
        site: The site, without its graph.
        tangent: ``dp / dtheta``: ``[rows, *batch]`` for a Bernoulli site, ``[rows, *batch, K]`` else.
        index: The outcome.
        generator: Decides between left and right where both are possible.

    References:
        Arya et al. (2022), arXiv 2210.08572, appendix.
    """
    if isinstance(site, BernoulliSite):
        probability = site.probability(index)
        signed = torch.where(index.bool(), -tangent, tangent)
        return Jump(signed.clamp_min_(0).div_(probability), ~index.bool(), None)
    cumulative = torch.nn.functional.pad(tangent.cumsum(-1)[..., :-1], (1, 1))
    drawn = index.unsqueeze(-1)
    left = cumulative.gather(-1, drawn).squeeze(-1).clamp(min=0)
    right = (-cumulative.gather(-1, drawn + 1).squeeze(-1)).clamp(min=0)
    side = choose(torch.stack((left, right), -1).reshape(-1, 2), generator).reshape(index.shape)
    alternative = (index + 2 * side - 1).clamp(0, site.num_categories - 1)
    return Jump((left + right) / site.probability(index), alternative, None)


def leave_one_out_jump(site: Site, index: Tensor, generator: torch.Generator) -> Jump:
    """A jump to any other category j, proposed with density ``p_j / (1 - p_i)``, for the flow ``R(i -> j) = dp_j``.

    It needs no direction, so it serves parameters of any dimension: the derivative dp_j is taken afterwards, in one backward
    pass. The rate is ``1 - sum p^2``, the probability that a fresh draw would differ.

    Args:
        site: The site, without its graph.
        index: The outcome.
        generator: Proposes the alternative.
    """
    probabilities = site.probabilities()
    rate = 1 - probabilities.square().sum(-1)
    if isinstance(site, BernoulliSite):
        return Jump(rate, ~index.bool(), torch.ones_like(rate))
    others = probabilities.scatter(-1, index.unsqueeze(-1), 0.0)
    alternative = choose(others.reshape(-1, site.num_categories), generator).reshape(index.shape)
    total = others.sum(-1)
    chosen = others.gather(-1, alternative.unsqueeze(-1)).squeeze(-1)
    # Where nothing else is possible there is no jump: the rate is zero, and the density only has to be finite.
    return Jump(rate * (total > 0), alternative, torch.where(chosen > 0, chosen / total, torch.ones_like(total)))


def dual_number(points: Tensor) -> Tensor:
    """Points whose derivative is one, inside ``forward_ad.dual_level()``."""
    with warnings.catch_warnings():
        # The first dual number makes PyTorch load its own deprecated scripting code.
        warnings.simplefilter("ignore", DeprecationWarning)
        return forward_ad.make_dual(points, torch.ones_like(points))  # type: ignore[no-any-return]


def with_tangent(site: Site) -> tuple[Site, Tensor]:
    """A site read under forward mode: without its derivative, and ``dp / dtheta``, shaped like its ``probs``."""
    primal, tangent = unpacked(site.probs)
    return site.with_probs(primal), tangent


def unpacked(dual: Tensor) -> tuple[Tensor, Tensor]:
    """A dual number's value and derivative, zero where it has none."""
    primal, tangent = forward_ad.unpack_dual(dual)
    return primal, torch.zeros_like(primal) if tangent is None else tangent

"""Candidate jumps: the outcome that a draw would have had at slightly other parameters, and the rate of that change.

Both flows R(i -> j) below move probability as the parameters do, ``sum_i p_i R(i -> j) - p_j sum_k R(j -> k) = dp_j``, so
``dE f = E sum_j R(i -> j) (f(j) - f(i))``.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..runs.tape import choose
from ..sites.reading import FiniteSite

__all__ = ["Jump", "leave_one_out_jump", "one_sided_jump", "possible"]


@dataclass(frozen=True, eq=False)
class Jump:
    """One candidate jump for every element of a site.

    Attributes:
        rate: The weight of the jump when one of many is kept, ``[rows, *batch]``, non-negative.
        alternative: The index jumped to, ``[rows, *batch]``.
        density: The probability with which ``alternative`` was proposed, given the outcome; None if the rate
            already accounts for it.
    """

    rate: Tensor
    alternative: Tensor
    density: Tensor | None


def one_sided_jump(site: FiniteSite, tangent: Tensor, index: Tensor, generator: torch.Generator) -> Jump:
    """Propose the jump that inversion makes when a scalar parameter grows: to a neighbour only.

    With ``L_i = sum_{j <= i} dp_j``: to i - 1 at rate ``L_{i-1} / p_i`` where that is positive, to i + 1 at rate ``-L_i / p_i``
    where that is; impossible neighbours, p_j = dp_j = 0, are passed over. For a bit: 0 to 1 at rate ``dp / (1 - p)`` if
    dp > 0, 1 to 0 at rate ``-dp / p`` if dp < 0.

    Args:
        site: The site, without its graph.
        tangent: ``dp / dtheta``: ``[rows, *batch]`` for a Bernoulli site, ``[rows, *batch, K]`` else.
        index: The outcome.
        generator: Decides between left and right where both are possible.

    References:
        Arya et al. (2022), arXiv 2210.08572, appendix.
    """
    if site.boolean:
        probability = site.probability(index)
        signed = torch.where(index.bool(), -tangent, tangent)
        return Jump(signed.clamp_min_(0).div_(probability), ~index.bool(), None)
    cumulative = _cumulate(tangent, site.probabilities())
    drawn = index.unsqueeze(-1)
    left = cumulative.gather(-1, drawn).squeeze(-1).clamp(min=0)
    right = (-cumulative.gather(-1, drawn + 1).squeeze(-1)).clamp(min=0)
    side = choose(torch.stack((left, right), -1).reshape(-1, 2), generator).reshape(index.shape)
    possible = (site.probabilities() > 0) | (tangent != 0)
    alternative = _neighbour(index, side, possible)
    return Jump((left + right) / site.probability(index), alternative, None)


def _cumulate(tangent: Tensor, probabilities: Tensor) -> Tensor:
    """Return ``L_{-1}, ..., L_{K-1}``, summed from the end with less mass: L is divided by p, small in both tails."""
    below = tangent.cumsum(-1)
    above = tangent.flip(-1).cumsum(-1).flip(-1)[..., 1:]
    inner = torch.where(probabilities.cumsum(-1)[..., :-1] < 0.5, below[..., :-1], -above)
    return torch.nn.functional.pad(inner, (1, 1))


def _neighbour(index: Tensor, side: Tensor, possible: Tensor) -> Tensor:
    """Return the nearest possible category to the left (side 0) or right (side 1), or the outcome itself if there is none."""
    last = possible.shape[-1] - 1
    beside = index + 2 * side - 1
    # The general way serves every case; a test of whether it is needed would make the host wait for a GPU.
    if possible.is_cuda or not bool(possible.all()):
        category = torch.arange(last + 1, device=index.device).expand(possible.shape)
        lower = torch.where(possible, category, -1).cummax(-1).values
        upper = torch.where(possible, category, last + 1).flip(-1).cummin(-1).values.flip(-1)
        nearest = torch.stack((lower, upper), -1).flatten(-2)
        position = 2 * beside.clamp(0, last) + side
        neighbour = nearest.gather(-1, position.unsqueeze(-1)).squeeze(-1)
        beside = torch.where((beside < 0) | (beside > last), beside, neighbour)
    return torch.where((beside < 0) | (beside > last), index, beside)


def leave_one_out_jump(site: FiniteSite, index: Tensor, generator: torch.Generator) -> Jump:
    """Propose a jump to any other category j with density ``p_j / (1 - p_i)``, for the flow ``R(i -> j) = dp_j``.

    It needs no direction, so it serves parameters of any dimension: the derivative dp_j is taken afterwards, in one backward
    pass. The rate is ``1 - sum p^2``, the probability that a fresh draw would differ.

    Args:
        site: The site, without its graph.
        index: The outcome.
        generator: Proposes the alternative.
    """
    probabilities = site.probabilities()
    rate = 1 - probabilities.square().sum(-1)
    if site.boolean:
        return Jump(rate, ~index.bool(), torch.ones_like(rate))
    others = probabilities.scatter(-1, index.unsqueeze(-1), 0.0)
    alternative = choose(others.reshape(-1, site.num_categories), generator).reshape(index.shape)
    total = others.sum(-1)
    chosen = others.gather(-1, alternative.unsqueeze(-1)).squeeze(-1)
    # Where nothing else is possible there is no jump: the rate is zero, and the density only has to be finite.
    return Jump(rate * (total > 0), alternative, torch.where(chosen > 0, chosen / total, torch.ones_like(total)))


def possible(probabilities: Tensor, leaf: Tensor) -> Tensor:
    """Mark the categories whose probability is positive, or zero with a derivative that is not.

    The alternatives of other categories must not be run: the program may not be defined there. Derivatives are computed only
    for categories that are zero in some row.

    Args:
        probabilities: ``[rows, *elements]``, connected to the leaf.
        leaf: ``[rows, *param]``.

    Returns:
        A boolean, ``[rows, *elements]``.
    """
    flat = probabilities.reshape(len(leaf), -1)
    positive = flat.detach() > 0
    for column in (~positive).any(0).nonzero().flatten().tolist():
        (gradient,) = torch.autograd.grad(flat[:, column].sum(), leaf, retain_graph=True, allow_unused=True)
        if gradient is not None:
            positive[:, column] |= (gradient.reshape(len(leaf), -1) != 0).any(1)
    return positive.reshape(probabilities.shape)

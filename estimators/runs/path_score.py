"""The score of a whole path: one term per drawn element, summed."""

from __future__ import annotations

import torch
from torch import Tensor

from ..sites.reading import Site
from .tape import Tape

__all__ = ["add_score", "path_score"]


def path_score(tape: Tape, objective: Tensor) -> Tensor:
    """A tensor ``[rows]`` whose gradient is that of the path's log-probability; its value means nothing.

    Args:
        tape: The run's draws.
        objective: The run's objective, ``[rows]``; it says how many rows there are, of which type and where.
    """
    score = torch.zeros_like(objective, requires_grad=False)
    for each in tape.draws:
        if each.site.requires_grad:
            score = add_score(score, each.site, each.index)
    return score


def add_score(score: Tensor, site: Site, index: Tensor) -> Tensor:
    """A path's surrogate ``[rows]`` with one site's added, in one pass over memory where the site has one element a row."""
    connected, weight = site.score_factors(index)
    if connected.dim() == 1:
        return torch.addcmul(score, connected, weight)
    return score + (connected * weight).flatten(1).sum(1)

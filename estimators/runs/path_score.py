"""The score of a whole path: one term per drawn element, summed."""

from __future__ import annotations

import torch
from torch import Tensor

from ..sites.site import Site, is_finite
from .tape import SiteT, Tape

__all__ = ["add_score", "path_score", "score_factors"]


def path_score(tape: Tape[SiteT], objective: Tensor) -> Tensor:
    """Return a tensor ``[rows]`` whose gradient is that of the path's log-probability; its value means nothing.

    Args:
        tape: The run's draws.
        objective: The run's objective, ``[rows]``; it gives the number of rows, the type and the device.
    """
    score = torch.zeros_like(objective, requires_grad=False)
    for entry in tape.draws:
        if entry.site.requires_grad:
            score = add_score(score, entry.site, entry.index)
    return score


def score_factors(site: Site, outcome: Tensor) -> tuple[Tensor, Tensor]:
    """Return a connected and a constant tensor, ``[rows, *batch]``, whose product has the gradient of log p(outcome)."""
    if is_finite(site):
        return site.score_factors(outcome)
    log_prob = site.log_prob(outcome)
    return log_prob, torch.ones_like(log_prob, requires_grad=False)


def add_score(score: Tensor, site: Site, index: Tensor) -> Tensor:
    """Add one site's score to a path's surrogate ``[rows]``, in one pass over memory if the site has one element a row."""
    connected, weight = score_factors(site, index)
    if connected.dim() == 1:
        return torch.addcmul(score, connected, weight)
    return score + (connected * weight).flatten(1).sum(1)

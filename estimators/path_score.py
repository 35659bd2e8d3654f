"""The score of a whole path: one term per drawn element, summed."""

from __future__ import annotations

import torch
from torch import Tensor

from .tape import Tape

__all__ = ["path_score"]


def path_score(tape: Tape, objective: Tensor) -> Tensor:
    """A tensor ``[rows]`` whose gradient is that of the path's log-probability; its value means nothing.

    Args:
        tape: The run's draws.
        objective: The run's objective, ``[rows]``; it says how many rows there are, of which type and where.
    """
    score = torch.zeros_like(objective, requires_grad=False)
    for each in tape.draws:
        if each.site.requires_grad:
            score = score + each.site.score_surrogate(each.index).reshape(len(score), -1).sum(1)
    return score

"""Runs of an estimator that may be compared with a law: at the point, and no two of one replicate."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

__all__ = ["Rows", "choose_runs", "runs_at"]

Rows = NDArray[np.int64]
"""Numbers of rows, increasing."""

_SAME_POINT = 8
"""The roundings of its type by which a run's parameters may differ from the point: a sum and a quotient, not a step."""


def choose_runs(candidates: Rows, runs: int, replicates: int) -> Rows:
    """Return rows of a batch of runs of which no two can belong to one replicate, chosen at random.

    A replicate may hold several runs, which share their noise: the swaps of ARSM, the two ends of a difference. Only its author
    knows how the runs lie in the batch. In ``[A, replicates, B]``, row r is a run of replicate ``r // B mod replicates``, where
    B divides the number of runs a replicate. The rows that are returned differ in the replicate for every such B, so they are
    independent however the runs lie. They are chosen without regard to what was drawn.

    Args:
        candidates: The rows that may be chosen, increasing.
        runs: The rows of the batch, a multiple of ``replicates``.
        replicates: The number of independent replicates in the batch.

    Returns:
        The rows, increasing; all candidates if every replicate is one run.

    Example:
        >>> choose_runs(np.arange(4), 4, 4)
        array([0, 1, 2, 3])
        >>> chosen = choose_runs(np.arange(12), 12, 4)
        >>> np.unique(chosen // 3).size == np.unique(chosen % 4).size == chosen.size
        True
    """
    copies = runs // replicates
    shuffled = np.random.default_rng(copies).permutation(candidates)
    inner = [size for size in range(1, copies + 1) if copies % size == 0]
    owners = np.array([shuffled // size % replicates for size in inner])
    chosen = [np.zeros(0, dtype=np.int64)]
    while shuffled.size:
        first = np.ones(shuffled.size, dtype=np.bool_)
        for owner in owners:
            leads = np.zeros(shuffled.size, dtype=np.bool_)
            leads[np.unique(owner, return_index=True)[1]] = True
            first &= leads
        chosen.append(shuffled[first])
        free = ~first
        for owner in owners:
            free &= ~np.isin(owner, owner[first])
        shuffled, owners = shuffled[free], owners[:, free]
    return np.sort(np.concatenate(chosen))


def runs_at(point: Tensor, params: Tensor) -> Rows:
    """Return the rows of a batch of parameters, ``[runs, *param]``, that are the point ``[*param]`` but for rounding.

    Runs beside the point, as those of a difference, are their author's business: a law is promised at the point.
    """
    here, there = params.detach().reshape(len(params), -1).double(), point.detach().reshape(1, -1).double()
    reach = _SAME_POINT * max(torch.finfo(each.dtype).eps for each in (params, point)) * there.abs()
    return np.flatnonzero(((here - there).abs() <= reach).all(1).cpu().numpy())

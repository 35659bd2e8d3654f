"""The walks in batched PyTorch operations: the same tables where no kernel is at hand, on any device.

A step looks its probabilities up, where a program would compute them and their derivatives.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .tables import Table, Tables

__all__ = ["launch"]


def launch(
    walk: str, steps: int, read: Tables, rows: int, dtype: torch.dtype, generator: torch.Generator
) -> tuple[Tensor, ...]:
    """Walk rows of a chain; probabilities are met within the resolution of the type's uniforms.

    Args:
        walk: One of `tables.WALKS`.
        steps: n.
        read: The walk's tables.
        rows: The number of rows.
        dtype: Floating type of the uniforms and the weights.
        generator: The source of one uniform a row and step, and of another where a weight is drawn.

    Returns:
        ``[rows]`` each: the number of the last state, for ``paired`` that of the alternative, and the weight if there is one;
        for ``averaged`` the weight of every slot, ``[rows, slots]``.
    """
    device = generator.device
    (first, cut), further = _decode(read, dtype, device)

    def below(limit: Tensor) -> Tensor:
        return torch.rand(rows, generator=generator, dtype=dtype, device=device) < limit

    place = torch.full((rows,), len(first) - 1, dtype=torch.int32, device=device)  # the row behind all others: the start's
    other = place
    total = torch.zeros(rows, dtype=dtype, device=device)
    if walk == "averaged" and len(further[1]) >= len(first):  # several slots
        rate = further[1].reshape(len(first) - 1, -1)
        further = (further[0].reshape(*rate.shape, -1), rate)
        total = total.new_zeros(rows, rate.shape[1])
    for _ in range(steps):
        if walk == "paired":
            place, other, total = _pair_step(first, cut, further[-1], place, other, total, generator)
            continue
        place = first.index_select(0, place) + below(cut.index_select(0, place))
        if walk == "score":
            total += further[0].index_select(0, place)
        elif walk == "averaged":
            total = _spread(total, *(each.index_select(0, place) for each in further))
        elif walk == "drawn":
            kept = below(further[0].index_select(0, place))
            total = torch.addcmul(further[1].index_select(0, place), total, kept.to(dtype))
    ends = [place, other] if walk == "paired" else [place]
    states = [(first.index_select(0, each) - int(read.base)) >> 1 for each in ends]
    weights = {"forward": [], "averaged": [total.reshape(rows, -1)]}.get(walk, [total])
    return (*states, *weights)


def _spread(total: Tensor, transfer: Tensor, rate: Tensor) -> Tensor:
    """Move what is carried from slot to slot and add the fresh jumps' rates: ``[rows, slots]``, ``[rows]`` for one slot."""
    if total.dim() == 1:
        return torch.addcmul(rate, total, transfer)
    return torch.baddbmm(rate.unsqueeze(1), total.unsqueeze(1), transfer).squeeze(1)


def _pair_step(
    first: Tensor,
    cut: Tensor,
    rate: Tensor,
    place: Tensor,
    other: Tensor,
    total: Tensor,
    generator: torch.Generator,
) -> tuple[Tensor, Tensor, Tensor]:
    """Move both by one uniform and drop what met; the fresh jump takes the alternative's place in proportion to its rate."""
    uniform, spare = torch.rand(2, len(total), generator=generator, dtype=total.dtype, device=total.device)
    place = first.index_select(0, place) + (uniform < cut.index_select(0, place))
    carried = first.index_select(0, other) + (uniform < cut.index_select(0, other))
    fresh = rate.index_select(0, place)
    total = total.masked_fill(first.index_select(0, carried) == first.index_select(0, place), 0.0) + fresh
    return place, torch.where(spare * total < fresh, place + len(rate), carried), total


@lru_cache(maxsize=64)
def _decode(read: Tables, dtype: torch.dtype, device: torch.device) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, ...]]:
    """Return by row the first row and P(1) of the arrived state, with those of the start behind them; and the weights."""
    words = np.append(read.words, read.start)
    first = torch.from_numpy((words & np.uint64(2**32 - 1)).astype(np.int32)).to(device)
    further = [each for each in read.further if isinstance(each, np.ndarray)]
    return (first, _probability(words, dtype, device)), tuple(
        _probability(each, dtype, device) if each.dtype == np.uint64 else torch.from_numpy(each).to(device) for each in further
    )


def _probability(words: Table, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Return the threshold in a word's upper half as a probability; the greatest stands for one."""
    upper: NDArray[np.float64] = (words >> np.uint64(32)) / (2.0**32 - 1)
    return torch.from_numpy(upper).to(device, dtype)

"""The walks on a GPU: a row a thread, its state in registers, its random numbers from Philox at the row's own counters.

The tables are those of `tables`. Row i depends on the key, on n and on i alone.

References:
    Salmon, Moraes, Dror and Shaw (2011), Parallel random numbers: as easy as 1, 2, 3, for Philox.
"""

from __future__ import annotations

from functools import lru_cache
from typing import no_type_check

import numpy as np
import torch
import triton
import triton.language as tl
from torch import Tensor

from .tables import Tables

__all__ = ["launch"]

ROWS_PER_PROGRAM = 256


def launch(walk: str, steps: int, key: int, read: Tables, outputs: tuple[Tensor, ...]) -> None:
    """Walk rows of a chain.

    Args:
        walk: One of `tables.WALKS`.
        steps: n.
        key: 64 bits, as a signed integer.
        read: The walk's tables.
        outputs: ``[rows]`` each, on one device, filled: the number of the last state, for ``paired`` that of the alternative,
            and the weight if there is one, of every slot for ``averaged``.
    """
    rows = len(outputs[0])
    start, base = int(read.start.view(np.int64)), int(read.base)
    words, *further = _on_device(read, outputs[0].device)
    grid = (triton.cdiv(rows, ROWS_PER_PROGRAM),)
    if walk == "paired":
        offset = read.further[0]
        assert isinstance(offset, np.uint64)
        _walk_paired[grid](key, steps, start, words, int(offset), *further, base, *outputs, rows, ROWS_PER_PROGRAM)
        return
    # A walk that reads or fills less is handed something in its place, which it leaves alone.
    tables = (*further, words, words)[:2]
    slots = outputs[-1].shape[1:].numel()
    _walk_carried[grid](key, steps, start, words, *tables, base, outputs[0], outputs[-1], rows, walk, slots, ROWS_PER_PROGRAM)


@lru_cache(maxsize=64)
def _on_device(read: Tables, device: torch.device) -> tuple[Tensor, ...]:
    """Move the arrays of the tables to the device; words become signed integers, which PyTorch supports better."""
    arrays = [each for each in (read.words, *read.further) if isinstance(each, np.ndarray)]
    signed = [each.view(np.int64) if each.dtype == np.uint64 else each for each in arrays]
    return tuple(torch.from_numpy(each).to(device) for each in signed)


@triton.jit
@no_type_check
def _threshold(word):
    """Return a word's upper half."""
    return (word >> 32).to(tl.uint32)


@triton.jit
@no_type_check
def _row(word, uniform):
    """Return the row that a uniform of 32 bits draws in a state."""
    return (word & 0xFFFFFFFF) + (uniform < _threshold(word)).to(tl.int64)


@triton.jit
@no_type_check
def _step(words, first, second, word, total, uniform, spare, WALK: tl.constexpr, SLOTS: tl.constexpr):
    """Step what carries a single number, or one number for each slot."""
    row = _row(word, uniform)
    if WALK == "score":
        total += tl.load(first + row)
    elif SLOTS > 1:
        slot = tl.arange(0, SLOTS)
        at = row[:, None] * SLOTS + slot[None, :]
        moved = tl.load(first + at[:, :, None] * SLOTS + slot[None, None, :])
        total = tl.sum(total[:, :, None] * moved, 1) + tl.load(second + at)
    elif WALK == "averaged":
        total = total * tl.load(first + row) + tl.load(second + row)
    elif WALK == "drawn":
        total = tl.where(spare < _threshold(tl.load(first + row)), total, 0) + tl.load(second + row)
    return tl.load(words + row), total


@triton.jit(do_not_specialize=["key", "steps", "start", "rows"])
@no_type_check
def _walk_carried(
    key, steps, start, words, first, second, base, states, totals, rows,
    WALK: tl.constexpr, SLOTS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Walk ``forward``, ``score`` and ``averaged`` with four steps a draw of Philox, and ``drawn`` with two."""
    place = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    word = tl.zeros([BLOCK], tl.int64) + start
    total = tl.zeros([BLOCK, SLOTS] if SLOTS > 1 else [BLOCK], totals.dtype.element_ty)
    each: tl.constexpr = 2 if WALK == "drawn" else 4
    draws = tl.cdiv(steps, each)
    for draw in range(draws):
        a, b, c, d = tl.randint4x(key, place * draws + draw)
        a, b, c, d = a.to(tl.uint32), b.to(tl.uint32), c.to(tl.uint32), d.to(tl.uint32)
        word, total = _step(words, first, second, word, total, a, b, WALK, SLOTS)
        if WALK == "drawn":
            if draw * each + 1 < steps:
                word, total = _step(words, first, second, word, total, c, d, WALK, SLOTS)
        else:
            if draw * each + 1 < steps:
                word, total = _step(words, first, second, word, total, b, b, WALK, SLOTS)
            if draw * each + 2 < steps:
                word, total = _step(words, first, second, word, total, c, c, WALK, SLOTS)
            if draw * each + 3 < steps:
                word, total = _step(words, first, second, word, total, d, d, WALK, SLOTS)
    inside = place < rows
    tl.store(states + place, (((word & 0xFFFFFFFF) - base) >> 1).to(tl.int32), mask=inside)
    if SLOTS > 1:
        tl.store(totals + place[:, None] * SLOTS + tl.arange(0, SLOTS)[None, :], total, mask=inside[:, None])
    elif WALK != "forward":
        tl.store(totals + place, total, mask=inside)


@triton.jit(do_not_specialize=["key", "steps", "start", "rows"])
@no_type_check
def _walk_paired(key, steps, start, words, offset, rate, base, states, others, totals, rows, BLOCK: tl.constexpr):
    """Walk a row and an alternative beside it with two steps a draw of Philox."""
    place = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    word = tl.zeros([BLOCK], tl.int64) + start
    beside = word
    total = tl.zeros([BLOCK], totals.dtype.element_ty)
    draws = tl.cdiv(steps, 2)
    for draw in range(draws):
        a, b, c, d = tl.randint4x(key, place * draws + draw)
        word, beside, total = _pair_step(words, offset, rate, word, beside, total, a.to(tl.uint32), b.to(tl.uint32))
        if draw * 2 + 1 < steps:
            word, beside, total = _pair_step(words, offset, rate, word, beside, total, c.to(tl.uint32), d.to(tl.uint32))
    inside = place < rows
    tl.store(states + place, (((word & 0xFFFFFFFF) - base) >> 1).to(tl.int32), mask=inside)
    tl.store(others + place, (((beside & 0xFFFFFFFF) - base) >> 1).to(tl.int32), mask=inside)
    tl.store(totals + place, total, mask=inside)


@triton.jit
@no_type_check
def _pair_step(words, offset, rate, word, beside, total, uniform, spare):
    """Move both by one uniform and drop what met; the fresh jump takes the alternative's place in proportion to its rate."""
    row = _row(word, uniform)
    carried = tl.load(words + _row(beside, uniform))
    word = tl.load(words + row)
    fresh = tl.load(rate + row)
    total = tl.where(carried == word, 0, total) + fresh
    taken = (spare >> 8).to(tl.float32) * 0.000000059604644775390625 * total < fresh
    return word, tl.where(taken, tl.load(words + offset + row), carried), total

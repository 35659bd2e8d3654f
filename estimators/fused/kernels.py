"""The walks, compiled: lanes of rows side by side, all of a row's state in a few words, no branch that depends on a draw.

Rows have streams of their own: row i reads the numbers i m + 1, ..., (i + 1) m of one SplitMix64 sequence that starts at the
key, m numbers a row. So a row is the same in whatever chunk and thread it is walked.

All take ``(key, number of the first row, n, start, words, further tables ..., base, outputs ...)``: the tables of `tables`, and
flat arrays that are filled row by row: the number of the last state, and the weights that were summed or carried.

References:
    Steele, Lea and Flood (2014), Fast splittable pseudorandom number generators, for SplitMix64.
"""

from __future__ import annotations

from typing import no_type_check

import numpy as np
from numba import njit

__all__ = ["WALKS", "carried", "drawn", "forward", "paired"]

LANES = 32

_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)
_LOW = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)
_ONE = np.uint64(1)

compiled = njit(nogil=True, cache=True, error_model="numpy", boundscheck=False)
inlined = njit(nogil=True, cache=True, error_model="numpy", boundscheck=False, forceinline=True)


@compiled
@no_type_check
def _place_counters(counter, key, row, numbers):
    """Put every lane's counter before the first number of its row."""
    for lane in range(LANES):
        counter[lane] = key + np.uint64(row + lane) * np.uint64(numbers) * _GAMMA


@compiled
@no_type_check
def _draw(counter, bits):
    """Return the next 64 bits of every lane."""
    for lane in range(LANES):
        counter[lane] += _GAMMA
        mixed = counter[lane]
        mixed = (mixed ^ (mixed >> np.uint64(30))) * _FIRST
        mixed = (mixed ^ (mixed >> np.uint64(27))) * _SECOND
        bits[lane] = mixed ^ (mixed >> np.uint64(31))


@compiled
@no_type_check
def _row(word, bits):
    """Return the row that the upper half of some bits draws in a state."""
    return (word & _LOW) + np.uint64(bits < word)


@compiled
@no_type_check
def _number(word, base):
    """Return the number of the state that a word of the last step stands for."""
    return ((word & _LOW) - base) >> _ONE


@compiled
@no_type_check
def forward(key, first, steps, start, words, base, states):
    """Walk rows and say where they end; two steps a number."""
    counter, bits = np.empty(LANES, np.uint64), np.empty(LANES, np.uint64)
    word = np.empty(LANES, np.uint64)
    for row in range(0, len(states), LANES):
        _place_counters(counter, key, first + row, (steps + 1) // 2)
        word[:] = start
        for _ in range(steps // 2):
            _draw(counter, bits)
            for lane in range(LANES):
                word[lane] = words[_row(words[_row(word[lane], bits[lane])], bits[lane] << _HALF)]
        if steps % 2:
            _draw(counter, bits)
            for lane in range(LANES):
                word[lane] = words[_row(word[lane], bits[lane])]
        for lane in range(min(LANES, len(states) - row)):
            states[row + lane] = _number(word[lane], base)


@inlined
@no_type_check
def _spread(before, after, lane, row, transfer, rate, slots):
    """Take a lane's weights through one draw: each moves from slot to slot, and the fresh jump's are added."""
    for to in range(len(slots)):
        weight = rate[row * len(slots) + to]
        for slot in range(len(slots)):
            weight += before[lane * len(slots) + slot] * transfer[(row * len(slots) + slot) * len(slots) + to]
        after[lane * len(slots) + to] = weight


@inlined
@no_type_check
def _carry(total, spare, lane, rows, transfer, rate, slots):
    """Take a lane's weights through the rows of one draw or two."""
    if len(slots) == 1:
        # A single weight stays in a register; no scale is read if none applies.
        weight = total[lane]
        for row in rows:
            weight = (weight if transfer is None else weight * transfer[row]) + rate[row]
        total[lane] = weight
    else:
        _spread(total, spare, lane, rows[0], transfer, rate, slots)
        if len(rows) == 2:
            _spread(spare, total, lane, rows[1], transfer, rate, slots)
        else:
            for place in range(lane * len(slots), (lane + 1) * len(slots)):
                total[place] = spare[place]


@compiled
@no_type_check
def carried(key, first, steps, start, words, transfer, rate, slots, base, states, totals):
    """Walk rows and carry weights, which every draw moves from slot to slot and adds to; two steps a number.

    How many slots there are, and whether ``transfer`` is None so that weights only add up, is known as this is compiled.
    """
    counter, bits = np.empty(LANES, np.uint64), np.empty(LANES, np.uint64)
    word = np.empty(LANES, np.uint64)
    total, spare = np.empty(LANES * len(slots), rate.dtype), np.empty(LANES * len(slots), rate.dtype)
    for row in range(0, len(states), LANES):
        _place_counters(counter, key, first + row, (steps + 1) // 2)
        word[:] = start
        total[:] = 0
        for _ in range(steps // 2):
            _draw(counter, bits)
            for lane in range(LANES):
                one = _row(word[lane], bits[lane])
                two = _row(words[one], bits[lane] << _HALF)
                _carry(total, spare, lane, (one, two), transfer, rate, slots)
                word[lane] = words[two]
        if steps % 2:
            _draw(counter, bits)
            for lane in range(LANES):
                one = _row(word[lane], bits[lane])
                _carry(total, spare, lane, (one,), transfer, rate, slots)
                word[lane] = words[one]
        for lane in range(min(LANES, len(states) - row)):
            states[row + lane] = _number(word[lane], base)
            for slot in range(len(slots)):
                totals[(row + lane) * len(slots) + slot] = total[lane * len(slots) + slot]


@compiled
@no_type_check
def drawn(key, first, steps, start, words, survival, rate, base, states, totals):
    """Walk rows and draw whether the carried weight survives, ``survival`` being thresholds; a step a number."""
    counter, bits = np.empty(LANES, np.uint64), np.empty(LANES, np.uint64)
    word, total = np.empty(LANES, np.uint64), np.empty(LANES, rate.dtype)
    nothing = rate.dtype.type(0)
    for row in range(0, len(states), LANES):
        _place_counters(counter, key, first + row, steps)
        word[:] = start
        total[:] = 0
        for _ in range(steps):
            _draw(counter, bits)
            for lane in range(LANES):
                at = _row(word[lane], bits[lane])
                carried = total[lane] if bits[lane] << _HALF < survival[at] else nothing
                total[lane] = carried + rate[at]
                word[lane] = words[at]
        for lane in range(min(LANES, len(states) - row)):
            states[row + lane] = _number(word[lane], base)
            totals[row + lane] = total[lane]


@compiled
@no_type_check
def paired(key, first, steps, start, words, offset, rate, base, states, others, totals):
    """Walk rows and an alternative beside each; a step a number.

    Row ``offset + r`` of the words is where the other outcome of row r would have led. Choosing between rows costs no branch,
    choosing between words that are loaded does. Arithmetic and loads stand in loops of their own: the former are vectorised.
    """
    counter, bits = np.empty(LANES, np.uint64), np.empty(LANES, np.uint64)
    word, other = np.empty(LANES, np.uint64), np.empty(LANES, np.uint64)
    at, beside = np.empty(LANES, np.uint64), np.empty(LANES, np.uint64)
    total, fresh = np.empty(LANES, rate.dtype), np.empty(LANES, rate.dtype)
    for row in range(0, len(states), LANES):
        _place_counters(counter, key, first + row, steps)
        word[:] = start
        other[:] = start
        total[:] = 0
        for _ in range(steps):
            _draw(counter, bits)
            for lane in range(LANES):
                at[lane] = _row(word[lane], bits[lane])
                beside[lane] = _row(other[lane], bits[lane])
            for lane in range(LANES):
                word[lane] = words[at[lane]]
                other[lane] = words[beside[lane]]
                fresh[lane] = rate[at[lane]]
            for lane in range(LANES):
                total[lane] = total[lane] * (word[lane] != other[lane]) + fresh[lane]
                taken = np.int64(bits[lane] & _LOW) * 2.0**-32 * total[lane] < fresh[lane]
                beside[lane] = at[lane] + offset if taken else beside[lane]
            for lane in range(LANES):
                other[lane] = words[beside[lane]]
        for lane in range(min(LANES, len(states) - row)):
            states[row + lane] = _number(word[lane], base)
            others[row + lane] = _number(other[lane], base)
            totals[row + lane] = total[lane]


WALKS = {"forward": forward, "score": carried, "averaged": carried, "drawn": drawn, "paired": paired}
"""The kernel of every walk."""

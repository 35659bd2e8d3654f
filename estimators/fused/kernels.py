"""The walks, compiled: lanes of rows side by side, all of a row's state in a few words, no branch that depends on a draw.

Rows have streams of their own: row i reads the numbers i m + 1, ..., (i + 1) m of one SplitMix64 sequence that starts at the
key, m numbers a row. So a row is the same in whatever chunk and thread it is walked.

All take ``(key, number of the first row, n, start, words, further tables ..., base, outputs ...)``: the tables of `tables`, and
arrays of one entry a row that are filled: the number of the last state, and the weight that was summed or carried.

References:
    Steele, Lea and Flood (2014), Fast splittable pseudorandom number generators, for SplitMix64.
"""

from __future__ import annotations

from typing import no_type_check

import numpy as np
from numba import njit

__all__ = ["averaged", "drawn", "forward", "paired", "score"]

LANES = 32

_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)
_LOW = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)
_ONE = np.uint64(1)

compiled = njit(nogil=True, cache=True, error_model="numpy", boundscheck=False)


@compiled
@no_type_check
def _placed(counter, key, row, numbers):
    """Put every lane's counter before the first number of its row."""
    for lane in range(LANES):
        counter[lane] = key + np.uint64(row + lane) * np.uint64(numbers) * _GAMMA


@compiled
@no_type_check
def _draw(counter, bits):
    """The next 64 bits of every lane."""
    for lane in range(LANES):
        counter[lane] += _GAMMA
        mixed = counter[lane]
        mixed = (mixed ^ (mixed >> np.uint64(30))) * _FIRST
        mixed = (mixed ^ (mixed >> np.uint64(27))) * _SECOND
        bits[lane] = mixed ^ (mixed >> np.uint64(31))


@compiled
@no_type_check
def _row(word, bits):
    """The row of what the upper half of some bits draws in a state."""
    return (word & _LOW) + np.uint64(bits < word)


@compiled
@no_type_check
def _number(word, base):
    """The number of the state that a word of the last step stands for."""
    return ((word & _LOW) - base) >> _ONE


@compiled
@no_type_check
def forward(key, first, steps, start, words, base, states):
    """Walk rows and say where they end; two steps a number."""
    counter, bits = np.empty(LANES, np.uint64), np.empty(LANES, np.uint64)
    word = np.empty(LANES, np.uint64)
    for row in range(0, len(states), LANES):
        _placed(counter, key, first + row, (steps + 1) // 2)
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


@compiled
@no_type_check
def score(key, first, steps, start, words, weight, base, states, totals):
    """Walk rows and sum the weights of what they draw; two steps a number."""
    counter, bits = np.empty(LANES, np.uint64), np.empty(LANES, np.uint64)
    word, total = np.empty(LANES, np.uint64), np.empty(LANES, weight.dtype)
    for row in range(0, len(states), LANES):
        _placed(counter, key, first + row, (steps + 1) // 2)
        word[:] = start
        total[:] = 0
        for _ in range(steps // 2):
            _draw(counter, bits)
            for lane in range(LANES):
                one = _row(word[lane], bits[lane])
                two = _row(words[one], bits[lane] << _HALF)
                total[lane] += weight[one] + weight[two]
                word[lane] = words[two]
        if steps % 2:
            _draw(counter, bits)
            for lane in range(LANES):
                one = _row(word[lane], bits[lane])
                total[lane] += weight[one]
                word[lane] = words[one]
        for lane in range(min(LANES, len(states) - row)):
            states[row + lane] = _number(word[lane], base)
            totals[row + lane] = total[lane]


@compiled
@no_type_check
def averaged(key, first, steps, start, words, survival, rate, base, states, totals):
    """Walk rows and keep of the carried weight what survives on average; two steps a number."""
    counter, bits = np.empty(LANES, np.uint64), np.empty(LANES, np.uint64)
    word, total = np.empty(LANES, np.uint64), np.empty(LANES, rate.dtype)
    for row in range(0, len(states), LANES):
        _placed(counter, key, first + row, (steps + 1) // 2)
        word[:] = start
        total[:] = 0
        for _ in range(steps // 2):
            _draw(counter, bits)
            for lane in range(LANES):
                one = _row(word[lane], bits[lane])
                two = _row(words[one], bits[lane] << _HALF)
                total[lane] = (total[lane] * survival[one] + rate[one]) * survival[two] + rate[two]
                word[lane] = words[two]
        if steps % 2:
            _draw(counter, bits)
            for lane in range(LANES):
                one = _row(word[lane], bits[lane])
                total[lane] = total[lane] * survival[one] + rate[one]
                word[lane] = words[one]
        for lane in range(min(LANES, len(states) - row)):
            states[row + lane] = _number(word[lane], base)
            totals[row + lane] = total[lane]


@compiled
@no_type_check
def drawn(key, first, steps, start, words, survival, rate, base, states, totals):
    """Walk rows and draw whether the carried weight survives, ``survival`` being thresholds; a step a number."""
    counter, bits = np.empty(LANES, np.uint64), np.empty(LANES, np.uint64)
    word, total = np.empty(LANES, np.uint64), np.empty(LANES, rate.dtype)
    nothing = rate.dtype.type(0)
    for row in range(0, len(states), LANES):
        _placed(counter, key, first + row, steps)
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

    Row ``offset + r`` of the words is where the other outcome of row r would have led. The alternative is held as the row of
    its word: choosing between rows costs no branch, choosing between words that are loaded does.
    """
    counter, bits = np.empty(LANES, np.uint64), np.empty(LANES, np.uint64)
    word, place, total = np.empty(LANES, np.uint64), np.empty(LANES, np.uint64), np.empty(LANES, rate.dtype)
    for row in range(0, len(states), LANES):
        _placed(counter, key, first + row, steps)
        word[:] = start
        place[:] = 0
        total[:] = 0
        for _ in range(steps):
            _draw(counter, bits)
            for lane in range(LANES):
                at = _row(word[lane], bits[lane])
                beside = _row(words[place[lane]], bits[lane])
                word[lane] = words[at]
                total[lane] = total[lane] * (words[at] != words[beside]) + rate[at]
                fresh = np.int64(bits[lane] & _LOW) * 2.0**-32 * total[lane] < rate[at]
                place[lane] = at + offset if fresh else beside
        for lane in range(min(LANES, len(states) - row)):
            states[row + lane] = _number(word[lane], base)
            others[row + lane] = _number(words[place[lane]], base)
            totals[row + lane] = total[lane]

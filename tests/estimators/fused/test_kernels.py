"""The kernels' generator and their rows: SplitMix64 to the bit, no dependence, the same rows however they are cut.

Tests of uniformity and independence: false-fail rate 1e-6 each, from the normal or the chi-square law of their statistics.
"""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import chi2, norm

kernels = pytest.importorskip("gradverify.estimators.fused.kernels", exc_type=ImportError)

RATE = 1e-6
Z = float(norm.isf(RATE / 2))
WALKS = ("forward", "score", "averaged", "drawn", "paired")


def _numbers(key: int, rows: int, numbers: int) -> NDArray[np.uint64]:
    """Return the numbers that the kernels draw, ``[rows, numbers]``."""
    drawn = np.empty((rows, numbers), np.uint64)
    counter, bits = np.empty(kernels.LANES, np.uint64), np.empty(kernels.LANES, np.uint64)
    for row in range(0, rows, kernels.LANES):
        kernels._place_counters(counter, np.uint64(key), row, numbers)
        for number in range(numbers):
            kernels._draw(counter, bits)
            drawn[row : row + kernels.LANES, number] = bits[: rows - row]
    return drawn


def _split_mix(state: int, count: int) -> list[int]:
    """The generator as its authors give it, in integers without a limit."""
    found = []
    for _ in range(count):
        state = (state + 0x9E3779B97F4A7C15) % 2**64
        mixed = ((state ^ state >> 30) * 0xBF58476D1CE4E5B9) % 2**64
        mixed = ((mixed ^ mixed >> 27) * 0x94D049BB133111EB) % 2**64
        found.append(mixed ^ mixed >> 31)
    return found


@pytest.mark.parametrize("key", [0, 1234567, 2**64 - 3])
def test_rows_read_one_sequence_one_after_another(key: int) -> None:
    assert _numbers(key, 70, 3).reshape(-1).tolist() == _split_mix(key, 210)


def test_the_published_first_numbers() -> None:
    """The numbers of the seed 1234567 are those quoted beside other implementations."""
    assert _split_mix(1234567, 2) == [6457827717110365317, 3203168211198807973]


@pytest.mark.parametrize("half", ["upper", "lower"])
def test_halves_are_uniform(half: str) -> None:
    """Each bit, and the leading twelve bits together; a bit that is off by 0.4 % would be seen."""
    numbers = _numbers(99, 4096, 100).reshape(-1)
    values = (numbers >> np.uint64(32) if half == "upper" else numbers & np.uint64(2**32 - 1)).astype(np.int64)
    for bit in range(32):
        ones = int((values >> bit & 1).sum())
        assert abs(2 * ones - len(values)) < Z * len(values) ** 0.5
    counts = np.bincount(values >> 20, minlength=4096)
    expected = len(values) / 4096
    assert RATE < chi2.sf(((counts - expected) ** 2 / expected).sum(), 4095) < 1 - RATE


def _correlation(first: NDArray, second: NDArray) -> float:
    """In standard errors of independent uniforms."""
    product = (first.reshape(-1) - 0.5) * (second.reshape(-1) - 0.5)
    return float(product.sum() / (len(product) / 144) ** 0.5)


@pytest.mark.parametrize("distance", [1, 2, 8, kernels.LANES])
def test_rows_and_steps_do_not_correlate(distance: int) -> None:
    """A correlation of 1 % would be seen: 0.01 sqrt(4e5) = 6.4 standard errors, 4.9 are allowed."""
    numbers = _numbers(7, 4096, 100)
    upper = (numbers >> np.uint64(32)) / 2.0**32
    lower = (numbers & np.uint64(2**32 - 1)) / 2.0**32
    for one, other in ((upper, upper), (upper, lower), (lower, lower)):
        assert abs(_correlation(one[:-distance], other[distance:])) < Z
        assert abs(_correlation(one[:, :-distance], other[:, distance:])) < Z
    assert abs(_correlation(upper, lower)) < Z


def test_neighbouring_keys_do_not_correlate() -> None:
    first, second = ((_numbers(key, 4096, 100) >> np.uint64(32)) / 2.0**32 for key in (5, 6))
    assert abs(_correlation(first, second)) < Z

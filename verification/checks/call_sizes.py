"""The sizes of calls: one row, few rows, odd numbers of rows, rows beyond a round number, and the first call made again late.

A run draws its rows in large calls of round sizes, and a user trains with other ones. Code that is right for 2,048 rows may be
wrong for 7, for the last rows of a batch that no power of two divides, or after many calls.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import stats

from ...estimators.protocol import Estimator, describe
from ..problems.problem import Probe, Problem
from ..statistics.binomial import exact_interval
from .finding import Conformance

__all__ = ["check_call_sizes", "compare_laws"]

Array = NDArray[np.float64]
Seeded = Callable[[int], torch.Generator]

ROUND_ROWS = 4096
"""The rows of the call with which the others are compared."""

LARGE = 32_768
"""A number of rows beyond which rows are compared too, if a call of that size fits in memory."""

_SINGLE_CALLS = 128
_FEW_CALLS = 16
_SHORT = 16  # sites of a program up to which all calls are made; a longer one gets fewer, since each takes longer
_LARGEST_WORK = 2**23  # rows times categories and evaluations, as for a chunk
_FEWEST = 8  # finite rows that are compared at least
_COORDINATES = 8  # that are compared at most, beside the sum
_QUANTILES = tuple(eighth / 8 for eighth in range(1, 8))


@dataclass(frozen=True)
class _Group:
    """Calls whose rows are compared together.

    Attributes:
        name: The rows, for a reader.
        sizes: The rows of each call.
        counts_from: A function from the size of a call to the number of its first row that counts.
    """

    name: str
    sizes: tuple[int, ...]
    counts_from: Callable[[int], int] = lambda size: 0


def check_call_sizes(estimator: Estimator, problem: Problem, probe: Probe, seeded: Seeded, alpha: float) -> Conformance:
    """Compare the rows of calls of many sizes with those of one large call of a round size, and repeat that call at the end.

    The rows are compared in up to eight coordinates, in the sum of all, and in the distances of these from their medians. One
    half of the large call gives seven quantiles, and Fisher's exact test compares how many rows of the group and of the other
    half lie beyond each. It holds whatever the law, and ``alpha`` is divided over all tests. At a rate of 1e-6 it finds rows
    of a normal law that are doubled, which moves .32 of the probability of the distance, in 128 calls of one row. A shift of
    the mean that is small beside the spread does not show. A program of ``n > 16`` sites gets ``16 / n`` of the small calls,
    and shows less.

    Args:
        estimator: The estimator, fitted if it learns.
        problem: The problem.
        probe: The sites of the problem's program.
        seeded: Function from the number of a call to its generator.
        alpha: The probability of reporting a difference where there is none.

    Returns:
        A failure that names the sizes, or a pass. Sizes that the estimator refuses with an exception are noted, and so are
        rows that hold NaN or infinity in calls of all sizes.
    """
    groups = list(
        _list_groups(seeded(0), share=_SHORT / max(_SHORT, probe.num_sites), large=_fits(estimator, probe, 2 * LARGE))
    )
    refused: list[str] = []
    calls, bad, drawn = 1, 0, 0

    def draw(number: int, size: int) -> Array:
        nonlocal bad, drawn
        rows = estimator(problem.program, problem.params.clone(), size, seeded(number))
        values = np.asarray(rows.reshape(size, -1).double().cpu()).copy()
        bad, drawn = bad + int((~np.isfinite(values)).any(1).sum()), drawn + size
        return values

    base = draw(1, ROUND_ROWS)
    share, epsilon = alpha / (len(groups) + 1), torch.finfo(problem.params.dtype).eps
    finding = None
    for group in groups:
        numbers = range(calls + 1, calls + 1 + len(group.sizes))
        calls += len(group.sizes)
        try:
            rows = [draw(number, size)[group.counts_from(size) :] for number, size in zip(numbers, group.sizes, strict=True)]
        except Exception as error:
            refused.append(f"{group.name} ({type(error).__name__})")
            continue
        finding = _compare(group, np.concatenate(rows), base, share, epsilon)
        if finding is not None:
            break
    again = draw(1, ROUND_ROWS)
    # Rows that are not finite are left to the run, which says how often they come and if they come back.
    known = np.isfinite(base) & np.isfinite(again)
    if not np.array_equal(base[known], again[known]):
        note = f"after {calls} calls the same seed gave other rows; an estimator must not remember its calls"
        return Conformance("failed", "not reproducible", note)
    if finding is not None and _law_distance(draw(calls + 1, ROUND_ROWS), base, epsilon) <= share:
        note = f"the rows of two calls of {ROUND_ROWS:,} rows have different laws: the rows of a call share noise"
        return Conformance("failed", "dependent rows", note)
    if finding is not None:
        return finding
    note = f"it refused {', '.join(refused)}, which were not compared" if refused else ""
    return Conformance("pass", note=note, overflow=_describe_overflow(bad, drawn))


def compare_laws(rows: Array, base: Array, rounding: float) -> float:
    """Return a p-value of the hypothesis that two samples have one law; values closer than ``rounding`` are equal.

    Args:
        rows: The one sample, ``[m]``.
        base: The other sample, ``[n]``, in a random order. Its first half gives the quantiles, its second half is compared.
        rounding: The difference of two values that is no difference.
    """
    first, second = base[: len(base) // 2], base[len(base) // 2 :]
    # Beside each quantile, a little to either side: rounding moves no value of a discrete law across such a point.
    points = np.add.outer((-rounding, rounding), np.quantile(first, _QUANTILES)).reshape(-1, 1)
    ours, theirs = ((values > points).sum(1) for values in (rows, second))
    law = stats.hypergeom(len(rows) + len(second), ours + theirs, len(rows))
    smallest = float(np.minimum(law.cdf(ours), law.sf(ours - 1)).min())
    return min(1.0, 2 * len(points) * smallest)


def _describe_overflow(bad: int, rows: int) -> str:
    if not bad:
        return ""
    low, high = exact_interval(bad, rows, confidence=0.95)
    return f"{bad} of {rows:,} rows in calls of all sizes hold NaN or infinity (rate {low:.2g} to {high:.2g} at 95 %)"


def _compare(group: _Group, rows: Array, base: Array, alpha: float, epsilon: float) -> Conformance | None:
    """Return a finding if the rows of a group overflow more often than those of the base, or have another law."""
    bad, usual = (int((~np.isfinite(values)).any(1).sum()) for values in (rows, base))
    if bad and stats.hypergeom.sf(bad - 1, len(rows) + len(base), bad + usual, len(rows)) <= alpha / 2:
        return Conformance("failed", "not finite", f"{bad} of {len(rows)} rows hold NaN or infinity: {group.name}")
    p_value = _law_distance(rows, base, epsilon)
    if p_value > alpha / 2:
        return None
    note = f"{group.name} do not have the law of a call of {ROUND_ROWS:,} rows (p = {p_value:.1g})"
    return Conformance("failed", "call sizes", f"{note}; a row must not depend on the size of its call")


def _law_distance(rows: Array, base: Array, epsilon: float) -> float:
    """Return a p-value of the hypothesis that the finite rows of two samples ``[m, d]`` and ``[n, d]`` have one law."""
    rows, base = (values[np.isfinite(values).all(1)] for values in (rows, base))
    if min(len(rows), len(base)) < _FEWEST:
        return 1.0
    ours, theirs = (np.column_stack([values[:, :_COORDINATES], values.sum(1)]) for values in (rows, base))
    centre = np.median(theirs[: len(base) // 2], axis=0)
    ours, theirs = (np.column_stack([values, np.abs(values - centre)]) for values in (ours, theirs))
    # One size for all columns: where coordinates cancel, as in the sum of the logits' gradient, nothing but rounding is left.
    rounding = math.sqrt(epsilon) * float(np.abs(theirs).max())
    values = [compare_laws(one, other, rounding) for one, other in zip(ours.T, theirs.T, strict=True)]
    return float(min(values)) * len(values)


def _fits(estimator: Estimator, probe: Probe, rows: int) -> bool:
    return rows * probe.categories * (describe(estimator).evaluations or probe.elements + 1) <= _LARGEST_WORK


def _list_groups(generator: torch.Generator, *, share: float, large: bool) -> Iterator[_Group]:
    """Yield the groups of calls, their sizes drawn, with a share of the small calls."""
    few = math.ceil(share * _FEW_CALLS)

    def draw(low: int, high: int, count: int) -> list[int]:
        return [int(size) for size in torch.randint(low, high, (count,), generator=generator, device=generator.device)]

    yield _Group("calls of one row", (1,) * math.ceil(share * _SINGLE_CALLS))
    yield _Group("calls of an odd number of rows below 32", tuple(2 * half + 1 for half in draw(1, 16, few)))
    yield _Group("calls of an even number of rows below 32", tuple(2 * half for half in draw(1, 16, few)))
    powers = [2**power for power in (6, 7, 8, 9, 10, 6, 8, 10)][: max(3, few // 2)]
    tails = tuple(power + extra for power, extra in zip(powers, draw(32, 64, len(powers)), strict=True))
    yield _Group("rows of a call beyond the last power of two", tails, lambda size: 2 ** (size.bit_length() - 1))
    yield _Group("calls of an odd number of rows", tuple(2 * half + 1 for half in draw(512, 1024, 2)))
    if large:
        sizes = tuple(LARGE + extra for extra in draw(1024, 2048, 1))
        yield _Group(f"rows of a call beyond {LARGE:,}", sizes, lambda size: LARGE)

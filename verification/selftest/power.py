"""Power: how often a bias of known size is found, beside the prediction from the boundary."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from ..statistics.bias import BiasPlan
from ..statistics.binomial import exact_interval
from ..statistics.confidence import boundary, detectable
from .laws import Law
from .rates import FALSE_ACCUSATION
from .selftest_record import PowerRow
from .watching import Stream, source_of, watch_to_the_end

__all__ = ["POWER_RATE", "power_row", "predicted_power"]

POWER_RATE = 1e-3
"""The error rate of the cells."""

PROMISED = 0.9
"""The probability with which a verdict says that its detectable bias would have been found."""

_PATHS = 20_000


def power_row(law: Law, multiple: float, runs: int, seed: int) -> PowerRow:
    """Watch cells whose rows carry a bias, and count how often it is found.

    Args:
        law: The law to which the bias is added.
        multiple: The bias in units of the smallest bias that the last look shows with probability 0.9.
        runs: The number of cells.
        seed: The seed.
    """
    plan = replace(law.plan, alpha=POWER_RATE)
    unit = float(detectable(1.0, plan.max_rows, plan.rows_to_open, plan.stage_alpha))
    bias = multiple * unit * law.sigma

    def stream(run: int, stage: str) -> Stream:
        source = source_of(seed, "power", law.name, multiple, run, stage)
        return Stream(lambda count: law.draw(source, count) + bias, plan.channels)

    tests = [watch_to_the_end(plan, stream(run, "screen"), stream(run, "confirm")) for run in range(runs)]
    detected = sum(each.verdict is not None and each.verdict.outcome == "biased" for each in tests)
    closed = sum(not each.looks[-1].open.any() for each in tests)
    return PowerRow(
        law=law.name,
        bias=multiple,
        in_sigma=multiple * unit,
        runs=runs,
        detected=detected,
        closed=closed,
        rate=detected / runs,
        interval=exact_interval(detected, runs),
        predicted=predicted_power(plan, multiple * unit),
        passed=multiple < 1 or float(stats.binom.cdf(detected, runs - closed, PROMISED)) > FALSE_ACCUSATION,
    )


def predicted_power(plan: BiasPlan, drift: float) -> float:
    """Return the probability that normal sums with a drift cross the boundary in both stages, at the plan's looks.

    At each look ``z_n = drift sqrt(n) + W_n / sqrt(n)`` is compared with ``c_n``, where W is a Brownian motion. The second
    stage tests only the sign that the first one flagged, for as many rows as it is given. The skewness and the gates of real
    rows are left out.

    Args:
        plan: The plan of a cell with one channel.
        drift: The bias in standard deviations of a row.
    """
    source = source_of("predicted power", drift, plan.max_rows)
    screen = np.array(plan.planned_rows("screen"))
    statistics = _statistics(source, screen, drift)
    crossed = np.abs(statistics) > boundary(screen, screen[0], plan.stage_alpha)
    flagged = np.flatnonzero(crossed.any(1))
    first = crossed.argmax(1)[flagged]
    sign = np.sign(statistics[flagged, first])
    found = 0
    for look in np.unique(first):
        rows = np.array(plan.planned_rows("confirm", flagged_at=int(screen[look])))
        # After multiplication by the flagged sign, every path must cross upwards.
        own = sign[first == look]
        fresh = _statistics(source, rows, drift, paths=own.size) * own[:, None]
        found += int((fresh > boundary(rows, rows[0], plan.stage_alpha)).any(1).sum())
    return found / _PATHS


def _statistics(source: np.random.Generator, rows: NDArray[np.int64], drift: float, paths: int = _PATHS) -> NDArray[np.float64]:
    """Return ``sum / sqrt(n)`` at each row count, ``[paths, looks]``."""
    steps = source.normal(size=(paths, rows.size)) * np.sqrt(np.diff(rows, prepend=0))
    return steps.cumsum(1) / np.sqrt(rows) + drift * np.sqrt(rows)

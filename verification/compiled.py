"""Compiled walks against the estimators that they stand in for.

Where a cell's rows are drawn by a compiled walk, the estimator's own code is not what the bias test sees. So rows of both are
compared first, in mean and in variance: a mistake in either is found before the walk may speak for the estimator.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from scipy import stats

from ..estimators.protocol import Estimator
from .conformance import Conformance
from .moments import Moments
from .problems.problem import Problem
from .variance import variance_ratio

__all__ = ["OWN_ROWS", "check_compiled"]

OWN_ROWS = 8192
"""Rows of each of the two stages."""

_EXACT = 1e-9  # relative difference of two constants that rounding may make


def check_compiled(
    own: Estimator, compiled: Estimator, problem: Problem, seeded: Callable[[int], torch.Generator], alpha: float
) -> Conformance:
    """Whether an estimator's own rows and those of its compiled walk have one mean and one variance.

    The law of the two statistics is close to normal, but not far out; so a difference is reported when two independent stages
    find it in the same statistic, each at the square root of the rate. A difference of the means is found from about seven
    standard errors on, 0.11 of a row's standard deviation; of the variances, for normal rows, from 16 % on.

    Args:
        own: The estimator, fitted if it learns.
        compiled: The same, with compiled walks.
        problem: A problem of one scalar parameter.
        seeded: Number of a draw -> its generator.
        alpha: Chance of a difference being reported where there is none.
    """
    found: set[str] = {"mean", "variance"}
    for stage in range(2):
        first, second = (_moments(each, problem, seeded(2 * stage + at)) for at, each in enumerate((own, compiled)))
        found &= _differences(first, second, math.sqrt(alpha / 2))
    if found:
        note = f"the estimator's own rows and those of its compiled walk differ in their {' and '.join(sorted(found))}; "
        return Conformance("failed", "compiled walk differs", note + "--no-fused verifies the estimator itself")
    note = f"rows are drawn by a compiled walk, which {2 * OWN_ROWS} rows of the estimator's own agree with"
    return Conformance("pass", note=note)


def _moments(estimator: Estimator, problem: Problem, generator: torch.Generator) -> Moments:
    rows = estimator(problem.program, problem.params, OWN_ROWS, generator)
    return Moments.from_rows(np.asarray(rows.reshape(OWN_ROWS, 1).double().cpu()))


def _differences(own: Moments, compiled: Moments, rate: float) -> set[str]:
    """What differs, each at that two-sided rate."""
    if own.nonfinite or compiled.nonfinite:
        return {"mean"}
    means, variances = (float(own.mean[0]), float(compiled.mean[0])), (float(own.variance[0]), float(compiled.variance[0]))
    error = math.sqrt(sum(variances) / OWN_ROWS)
    apart = abs(means[0] - means[1])
    reach = max(float(stats.norm.isf(rate / 2)) * error, _EXACT * max(map(abs, means)))
    found = {"mean"} if apart > reach else set()
    if min(variances) > 0:
        one_sided = variance_ratio(own, compiled).p_value
        return found | ({"variance"} if min(one_sided, 1 - one_sided) < rate / 2 else set())
    return found | ({"variance"} if max(variances) > _EXACT * max(map(abs, means)) ** 2 else set())

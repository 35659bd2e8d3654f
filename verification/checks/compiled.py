"""The comparison of compiled walks with the estimators that they stand in for.

If a compiled walk draws a cell's rows, the bias test does not see the estimator's own code. So rows of both are compared first:
the estimator's own rows with those that the walk's tables give for the same uniforms, one by one, and the estimator's own rows
with the walk's, in mean and in variance. A mistake in either is found before the walk stands in for the estimator.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from scipy import stats
from torch import Tensor
from torch.distributions import Bernoulli

from ...estimators.fused import Fused
from ...estimators.fused.chain import read_chain
from ...estimators.fused.walks import run_walk
from ...estimators.protocol import Estimator, describe
from ...estimators.stochastic_triples import StochasticTriple
from ..problems.problem import Problem, probe
from ..statistics.moments import Moments
from ..statistics.variance import variance_ratio
from .conformance import Conformance

__all__ = ["OWN_ROWS", "check_compiled"]

OWN_ROWS = 8192
"""The number of rows of each of the two stages."""

COMMON_ROWS = 4096
"""The number of rows that are drawn from the same uniforms."""

_EXACT = 1e-9  # the relative difference of two constants that rounding may cause
_INSTEAD = "--no-fused verifies the estimator itself"


def check_compiled(
    own: Estimator, compiled: Estimator, problem: Problem, seeded: Callable[[int], torch.Generator], alpha: float
) -> Conformance:
    """Test that an estimator's own rows are those of its compiled walk's tables, and have the walk's mean and variance.

    Rows of the same uniforms differ only where a uniform lies between two roundings of a probability: a mistake in the
    estimator's own code shows however small it is, if it occurs in more than one row of 4,096 (in float32, some twenty).

    The law of the two statistics is close to normal, but not far out; so a difference is reported if two independent stages
    find it in the same statistic, each at the square root of the rate. A difference of the means is found from about seven
    standard errors on, 0.11 of a row's standard deviation; a difference of the variances, for normal rows, from 16 % on.

    Args:
        own: The estimator, fitted if it learns.
        compiled: The same estimator with compiled walks.
        problem: A problem of one scalar parameter.
        seeded: Function from the number of a draw to its generator.
        alpha: Probability of reporting a difference where there is none.
    """
    found: set[str] = {"mean", "variance"}
    for stage in range(2):
        first, second = (_draw_moments(each, problem, seeded(2 * stage + at)) for at, each in enumerate((own, compiled)))
        found &= _find_differences(first, second, math.sqrt(alpha / 4))
    if found:
        note = f"the estimator's own rows and those of its compiled walk differ in their {' and '.join(sorted(found))}; "
        return Conformance("failed", "compiled walk differs", note + _INSTEAD)
    note = f"a compiled walk draws the rows; {2 * OWN_ROWS} of the estimator's own rows agree with it"
    tabled = _draw_by_tables(compiled, problem, seeded(4))
    if tabled is None:
        return Conformance("pass", note=note)
    differing = _count_differing(own(problem.program, problem.params, COMMON_ROWS, seeded(4)), tabled)
    most = _count_by_rounding(own, problem, alpha / 2)
    if differing > most:
        note = (
            f"{differing} of {COMMON_ROWS} of the estimator's own rows are not those of its walk's tables for the same uniforms"
        )
        return Conformance("failed", "compiled walk differs", f"{note} (rounding explains {most}); {_INSTEAD}")
    return Conformance("pass", note=f"{note}, {COMMON_ROWS} of them row by row with its tables")


def _draw_by_tables(compiled: Estimator, problem: Problem, generator: torch.Generator) -> Tensor | None:
    """Draw rows from the walk's tables by batched operations in the estimator's own order; None if the walk has no tables."""
    # The uniforms that draw a one of a bit draw the first of two categories; a GPU's uniforms depend on the requested shape.
    alike = probe(problem).types == {Bernoulli} and generator.device.type == "cpu"
    chain = read_chain(problem.program, problem.params) if alike else None
    if chain is None or not isinstance(compiled, Fused):
        return None
    if not isinstance(compiled.estimator, StochasticTriple):
        return Fused(compiled.estimator, "PyTorch")(problem.program, problem.params, COMMON_ROWS, generator)
    # The walk that is compiled may draw whether the alternative survives; this one draws where it goes, as the estimator does.
    states, others, weight = run_walk("PyTorch", "paired", chain, COMMON_ROWS, problem.params.dtype, generator)
    value = torch.as_tensor(chain.value, dtype=problem.params.dtype)
    return (value[others] - value[states]) * weight


def _count_differing(own: Tensor, tabled: Tensor) -> int:
    """Count the rows that differ by more than the rounding of sums."""
    reach = math.sqrt(torch.finfo(own.dtype).eps) * float(own.abs().max())
    return int((~((own - tabled).abs() <= reach)).sum())


def _count_by_rounding(own: Estimator, problem: Problem, alpha: float) -> int:
    """Count the rows that may differ: probabilities are off by 2^-31 in the tables, and by some roundings in the program."""
    draws = getattr(problem.program, "num_steps", 1) * (describe(own).evaluations or 1)
    missed = draws * (2.0**-31 + 8 * torch.finfo(problem.params.dtype).eps)
    return int(stats.binom.isf(alpha, COMMON_ROWS, min(missed, 1.0)))


def _draw_moments(estimator: Estimator, problem: Problem, generator: torch.Generator) -> Moments:
    rows = estimator(problem.program, problem.params, OWN_ROWS, generator)
    return Moments.from_rows(np.asarray(rows.reshape(OWN_ROWS, 1).double().cpu()))


def _find_differences(own: Moments, compiled: Moments, rate: float) -> set[str]:
    """Return the statistics that differ, each at that two-sided rate."""
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

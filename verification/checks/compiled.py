"""Compiled walks against the estimators that they stand in for.

Where a cell's rows are drawn by a compiled walk, the estimator's own code is not what the bias test sees. So rows of both are
compared first: one by one, the estimator's own and those that the walk's tables give for the same uniforms, and in mean and in
variance, the estimator's own and the walk's. A mistake in either is found before the walk may speak for the estimator.
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
"""Rows of each of the two stages."""

COMMON_ROWS = 4096
"""Rows of the same uniforms."""

_EXACT = 1e-9  # relative difference of two constants that rounding may make
_INSTEAD = "--no-fused verifies the estimator itself"


def check_compiled(
    own: Estimator, compiled: Estimator, problem: Problem, seeded: Callable[[int], torch.Generator], alpha: float
) -> Conformance:
    """Whether an estimator's own rows are those of its compiled walk's tables, and have the walk's mean and variance.

    Rows of the same uniforms differ where a uniform lies between two roundings of a probability, and nowhere else: a mistake in
    the estimator's own code shows however small it is, if it is made in more than one row of 4,096 (in float32, some twenty).

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
        found &= _differences(first, second, math.sqrt(alpha / 4))
    if found:
        note = f"the estimator's own rows and those of its compiled walk differ in their {' and '.join(sorted(found))}; "
        return Conformance("failed", "compiled walk differs", note + _INSTEAD)
    note = f"rows are drawn by a compiled walk, which {2 * OWN_ROWS} rows of the estimator's own agree with"
    tabled = _by_tables(compiled, problem, seeded(4))
    if tabled is None:
        return Conformance("pass", note=note)
    differing = _differing(own(problem.program, problem.params, COMMON_ROWS, seeded(4)), tabled)
    most = _by_rounding(own, problem, alpha / 2)
    if differing > most:
        note = (
            f"{differing} of {COMMON_ROWS} rows of the estimator's own are not those of its walk's tables for the same uniforms"
        )
        return Conformance("failed", "compiled walk differs", f"{note} (rounding explains {most}); {_INSTEAD}")
    return Conformance("pass", note=f"{note}, {COMMON_ROWS} of them row by row with its tables")


def _by_tables(compiled: Estimator, problem: Problem, generator: torch.Generator) -> Tensor | None:
    """Rows from the walk's tables, drawn in batched operations in the estimator's own order; None where there are none."""
    # The uniforms that draw a bit's one draw the first of two categories; a GPU's depend on the shapes they are asked for in.
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


def _differing(own: Tensor, tabled: Tensor) -> int:
    """How many rows differ by more than rounding of sums."""
    reach = math.sqrt(torch.finfo(own.dtype).eps) * float(own.abs().max())
    return int((~((own - tabled).abs() <= reach)).sum())


def _by_rounding(own: Estimator, problem: Problem, alpha: float) -> int:
    """Rows that may differ: a step's probability is off by 2^-31 in the tables, and by some roundings in the program."""
    draws = getattr(problem.program, "num_steps", 1) * (describe(own).evaluations or 1)
    missed = draws * (2.0**-31 + 8 * torch.finfo(problem.params.dtype).eps)
    return int(stats.binom.isf(alpha, COMMON_ROWS, min(missed, 1.0)))


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

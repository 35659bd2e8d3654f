"""Laws of rows with known mean: rows that a sound estimator may return, and rows that no sample can decide."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from numpy.typing import NDArray

from ...estimators.antithetic import DisARM
from ...estimators.protocol import Estimator
from ...estimators.rao_blackwell import SumAndSample
from ...estimators.reinmax import ReinMax
from ...estimators.score_function import LeaveOneOut, ScoreFunction
from ...estimators.stochastic_triples import StochasticTriple
from ..plan import Profile, Settings
from ..run.verification import Verification
from ..seeds import directions
from ..statistics.bias import BiasPlan
from .sensitive import find_problem

__all__ = ["Law", "estimator_law", "null_laws", "power_laws", "refused_laws"]

Array = NDArray[np.float64]
Draw = Callable[[np.random.Generator, int], Array]

_NEVER = 1e-6  # a tolerance that no run reaches, so that every run is watched to its end


@dataclass(frozen=True, kw_only=True, eq=False)
class Law:
    """Rows of errors ``[n, d]`` with mean zero.

    Attributes:
        name: The name of the law.
        draw: A function that draws a number of rows from a generator.
        plan: The plan of a cell with such rows.
        sigma: The standard deviation of a row, for laws whose power is measured.
        runs: A factor on the number of runs, below one if a run is long.
    """

    name: str
    draw: Draw
    plan: BiasPlan
    sigma: float = field(default=1.0)
    runs: float = field(default=1.0)


def null_laws() -> list[Law]:
    """Return the laws that must not be accused: simulated laws, then sound estimators against exact gradients.

    A law with rare large rows gets as many rows as its gates need to open: a closed cell is never tested, and proves nothing.
    """
    mix = np.random.default_rng(1).normal(size=(4, 4))
    return [
        _law("normal", lambda g, n: g.normal(size=(n, 1)), 8000),
        _law("lognormal 1", _lognormal, 100_000),
        _law("weight 1/p, p = 0.01", _weight(0.01), 8000, p_gate=0.01),
        _law("weight 1/p, p = 0.001", _weight(0.001), 100_000, p_gate=0.001),
        _law("category of probability 0.001", _rare_category, 150_000, p_gate=0.001),
        _law("Student t, 3 degrees", lambda g, n: g.standard_t(3, size=(n, 1)), 100_000),
        _law("three values", _three_valued, 8000, p_gate=0.01),
        _law("4 correlated normals", lambda g, n: g.normal(size=(n, 4)) @ mix, 4000, size=4),
        _law("4 skewed coordinates", _skewed_vector, 8000, size=4, p_gate=0.05),
        estimator_law("score function on a bit", ScoreFunction(), "coin/shifted/logit"),
        estimator_law("score function with a rare category", ScoreFunction(), "die/rare/logits"),
        estimator_law("leave-one-out on 3 bits", LeaveOneOut(), "bits:3/cubic/logits"),
        estimator_law("DisARM on 2 bits", DisARM(), "coins/weighted/logits"),
        estimator_law("ReinMax on a square", ReinMax(), "die/steps/logits"),
        estimator_law("sum-and-sample on 4 categories", SumAndSample(), "die/centred/logits"),
        estimator_law("stochastic triple on a walk", StochasticTriple(), "random_walk:10/square/p", 2000),
    ]


def refused_laws() -> list[Law]:
    """Return the laws that no sample can decide, or that must end the cell, at tolerances that ordinary laws would meet."""
    heavy = _law("Pareto 1.5", lambda g, n: g.pareto(1.5, size=(n, 1)) - 2, 30_000)
    jump = _law("constant with a jump, p = 0.001", _weight(0.001), 20_000)
    missing = _law("NaN with probability 1e-6", _missing, 10_000_000, runs=0.01)
    met = [replace(each, plan=replace(each.plan, r_target=0.05, r_accept=0.1)) for each in (heavy, jump)]
    return [*met, missing]


def power_laws() -> list[Law]:
    """Return the laws to which a bias is added."""
    return [
        _law("normal", lambda g, n: g.normal(size=(n, 1)), 8000),
        _law("lognormal 1", _lognormal, 150_000, sigma=math.sqrt((math.e - 1) * math.e)),
        _law("weight 1/p, p = 0.01", _weight(0.01), 8000, p_gate=0.01, sigma=math.sqrt(99)),
    ]


def estimator_law(name: str, estimator: Estimator, problem: str, max_rows: int = 4000) -> Law:
    """Return the law of an estimator's errors against the exact gradient, under the plan that a run would make."""
    target = find_problem(problem)
    settings = Settings(Profile("selftest", max_rows, 0, _NEVER, _NEVER, 1000), expect="unbiased")
    (cell,) = Verification({name: estimator}, [target], settings).runs
    truth = torch.as_tensor(cell.plan.truth)

    def draw(source: np.random.Generator, count: int) -> Array:
        generator = torch.Generator().manual_seed(int(source.integers(2**32)))
        rows = estimator(target.program, target.params, count, generator)
        return np.asarray(rows.reshape(count, -1).double() - truth)

    # A stream of moments has no batch sums, so that the coordinates are judged.
    return Law(name=name, draw=draw, plan=replace(cell.plan, by_norm=False))


def _law(
    name: str, draw: Draw, max_rows: int, *, size: int = 1, p_gate: float = 1.0, sigma: float = 1.0, runs: float = 1.0
) -> Law:
    plan = BiasPlan(
        truth=np.ones(size),
        scale=np.ones(size),
        tau_numeric=1e-13,
        r_target=_NEVER,
        r_accept=_NEVER,
        alpha=1e-3,
        max_rows=max_rows,
        p_gate=p_gate,
        directions=directions(0, name, size),
    )
    return Law(name=name, draw=draw, plan=plan, sigma=sigma, runs=runs)


def _lognormal(source: np.random.Generator, count: int) -> Array:
    return source.lognormal(size=(count, 1)) - math.exp(0.5)


def _weight(probability: float) -> Draw:
    """Return an importance weight: ``1 / p`` with probability p, else zero, minus its mean of one."""
    return lambda source, count: (source.random((count, 1)) < probability) / probability - 1.0


def _rare_category(source: np.random.Generator, count: int) -> Array:
    """Return ``(1{seen} - p) f / p``: the score of a rare category's logit times an objective that varies."""
    probability = 1e-3
    seen = source.random((count, 1)) < probability
    return (seen - probability) / probability * source.normal(1, 0.3, size=(count, 1))


def _three_valued(source: np.random.Generator, count: int) -> Array:
    """Draw -1, 0 or 49 with probabilities .49, .5 and .01."""
    uniform = source.random((count, 1))
    return np.where(uniform < 0.01, 49.0, np.where(uniform < 0.5, -1.0, 0.0))


def _skewed_vector(source: np.random.Generator, count: int) -> Array:
    """Draw four dependent coordinates: normal, exponential, a weight of p = 0.05, and a product of two."""
    normal, exponential = source.normal(size=count), source.exponential(size=count) - 1
    weight = (source.random(count) < 0.05) / 0.05 - 1.0
    return np.stack((normal, exponential + 0.5 * normal, weight, normal * exponential), axis=1)


def _missing(source: np.random.Generator, count: int) -> Array:
    rows = source.normal(size=(count, 1))
    rows[source.random(count) < 1e-6] = math.nan
    return rows

"""The gradient itself, without a training curve: estimators on the six-edge problem against a sum over 64 graphs."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor
from torch.distributions import OneHotCategorical

from ....estimators.enumeration import enumerate_paths
from ....estimators.protocol import NoGradientPathError, NotApplicableError, describe
from ....estimators.registry import load_estimator
from ...problems.problem import Problem
from ...problems.relational.edges import edges
from ...record.study import Statement, Table, Value
from ...seeds import chunk_generator
from .training_plan import TUTORIAL_RULE

__all__ = ["gradient_table", "zero_statement"]

_PARTICLES = 3
ROWS = 8192
"""The number of replicates of each estimator."""

_ROUNDING = 1e-9


def gradient_table(estimators: Sequence[str], seed: int) -> Table:
    """Tabulate the bias and spread of each estimator's gradient on six edges, relative to the exact gradient's length.

    Args:
        estimators: The names of the estimators.
        seed: The seed.
    """
    return Table(
        title="The gradient of six edges' logits, against the sum over 64 graphs",
        columns=("estimator", "error of the mean", "expected sampling noise", "standard deviation of a replicate", "note"),
        rows=tuple(_row(name, seed) for name in estimators),
        caption=f"{ROWS} replicates. All numbers are lengths of vectors, divided by the length of the exact gradient. An error "
        "well above its sampling noise is a bias; `gradverify verify --problem edges` decides this at a stated error rate.",
    )


def zero_statement(seed: int) -> Statement:
    """State whether the tutorial's rule gives edges any gradient at all."""
    largest = float(_rows(TUTORIAL_RULE, seed).abs().max())
    exact = float(_exact(_problem(TUTORIAL_RULE)).abs().max())
    return Statement(
        claim="On six edges the tutorial's rule gives the logits a gradient of zero in every replicate.",
        outcome="holds" if largest < _ROUNDING * exact else "fails",
        measured=f"the largest entry is {largest:.2g} in {ROWS} replicates; that of the exact gradient is {exact:.3g}",
    )


def _row(name: str, seed: int) -> tuple[Value, ...]:
    try:
        rows = _rows(name, seed)
    except (NoGradientPathError, NotApplicableError) as error:
        return name, None, None, None, str(error)
    problem = _problem(name)
    exact = _exact(problem)
    length = float(exact.norm())
    spread = float(rows.var(0).sum().sqrt())
    error_of_mean = float((rows.mean(0) - exact).norm())
    text = problem.name.split("/")[1].replace("_", "-")
    return name, error_of_mean / length, spread / ROWS**0.5 / length, spread / length, f"{text} edges"


def _rows(name: str, seed: int) -> Tensor:
    problem = _problem(name)
    generator = chunk_generator(seed, name, problem.name, str(problem.params.dtype), "screen", 0)
    return load_estimator(name)(problem.program, problem.params, ROWS, generator)


def _exact(problem: Problem) -> Tensor:
    return enumerate_paths(problem.program, problem.params).gradient()


def _problem(name: str) -> Problem:
    """Return the problem with one-hot edges, or with indices if the estimator supports only those."""
    one_hot, index = edges(_PARTICLES)
    return one_hot if OneHotCategorical in describe(load_estimator(name)).sites else index

"""The exact mean and variance of one replicate over a range of sizes: the lines behind the measured points."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from ...estimators.conditional_triples import ConditionalTripleControlVariate
from ...estimators.moving_average import MovingAverageBaseline
from ...estimators.protocol import Estimator
from ...estimators.score_function import FittedBaseline
from ..problems.problem import Problem
from ..truth.chains.chain import ChainError, last_mass
from ..truth.chains.control_variate import least_variance_shares
from ..truth.chains.score import score_moments
from ..truth.known_moments import has_known_variance, known_moments, problem_chain

__all__ = ["TAIL", "ExactLine", "exact_lines"]

TAIL = (200, 300, 500, 700, 1000)
"""The sizes over which the exponent of an exact line is taken: so large that it no longer moves."""

_LEAST = 1e-9  # a relative bias this small is rounding

Progress = Callable[[int, int, str], None]


@dataclass(frozen=True, kw_only=True)
class ExactLine:
    """The exact moments of one estimator over a range of sizes.

    Attributes:
        sizes: The sizes n.
        gradients: The exact gradient at every size.
        means: The estimator's exact mean at every size.
        variances: The variance of one replicate at every size.
    """

    sizes: tuple[int, ...]
    gradients: tuple[float, ...]
    means: tuple[float, ...]
    variances: tuple[float, ...]

    @property
    def relative_bias(self) -> tuple[float, ...]:
        """The relative bias ``mean / gradient - 1`` at every size, zero where it is within rounding of zero."""
        pairs = zip(self.means, self.gradients, strict=True)
        biases = (mean / gradient - 1 if gradient else 0.0 for mean, gradient in pairs)
        return tuple(bias if abs(bias) > _LEAST else 0.0 for bias in biases)

    def tail(self) -> tuple[tuple[int, ...], tuple[float, ...]]:
        """Return the sizes of the tail and the variances there; empty if one of the variances is zero."""
        points = [(n, v) for n, v in zip(self.sizes, self.variances, strict=True) if n in TAIL]
        if len(points) < len(TAIL) or not all(v > 0 for _, v in points):
            return (), ()
        return tuple(n for n, _ in points), tuple(v for _, v in points)


def exact_lines(
    estimators: Mapping[str, Estimator], problems: Sequence[Problem], progress: Progress | None = None
) -> dict[str, ExactLine]:
    """Return the exact lines of those estimators that have a recursion.

    An estimator that learns is taken as it would be after endless pilot rows: with the baseline E f, or with the shares of
    least variance.

    Args:
        estimators: Name -> estimator.
        problems: One series of problems, by size.
        progress: A function that is called after every problem.

    Returns:
        Name -> line.
    """
    points: dict[str, list[tuple[int, float, float, float]]] = {}
    for done, problem in enumerate(problems, 1):
        for name, estimator in estimators.items():
            point = _point(estimator, problem)
            if point is not None:
                points.setdefault(name, []).append(point)
        if progress is not None:
            progress(done, len(problems), f"exact lines at n = {problem.size}")
    return {name: _line(several) for name, several in points.items()}


def _point(estimator: Estimator, problem: Problem) -> tuple[int, float, float, float] | None:
    """Return the size, the gradient, and the estimator's mean and variance; None if no recursion is known."""
    if not has_known_variance(estimator, problem):
        return None
    moments = known_moments(_learnt(estimator, problem), problem)
    if moments is None:
        return None
    return int(problem.size), score_moments(problem_chain(problem)).mean, moments.mean, moments.variance


def _line(points: list[tuple[int, float, float, float]]) -> ExactLine:
    sizes, gradients, means, variances = zip(*points, strict=True)
    return ExactLine(sizes=sizes, gradients=gradients, means=means, variances=variances)


def _learnt(estimator: Estimator, problem: Problem) -> Estimator:
    """Return the estimator as a fit on endless rows would leave it."""
    if isinstance(estimator, FittedBaseline | MovingAverageBaseline):
        chain = problem_chain(problem)
        return replace(estimator, baseline=float(chain.objective @ last_mass(chain)))
    if isinstance(estimator, ConditionalTripleControlVariate):
        try:
            upward, downward = least_variance_shares(problem_chain(problem))
        except ChainError:
            return estimator
        return replace(estimator, upward=upward, downward=downward)
    return estimator

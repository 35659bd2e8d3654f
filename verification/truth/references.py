"""References: what a gradient estimator is held against, and which of several decides.

Exact ones come first (given by the problem's author, the finite-state recursion, enumeration), then the likelihood ratio, then
finite differences with common random numbers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...estimators.enumeration import Paths, count_paths, enumerate_paths
from ...estimators.finite_difference import FiniteDifference, difference_steps
from ...estimators.markov import MarkovProgram
from ...estimators.protocol import Estimator, evaluate
from ...estimators.runs.tape import Tape, recording
from ...estimators.score_function import LeaveOneOut
from ...estimators.sites.reading import COUNT_SITES, FiniteSite, finite_site_of
from ..problems.problem import Problem, ProblemError, probe
from ..seeds import chunk_generator
from ..statistics.channels import scales
from .recursion import chain_moments, rarest_outcome

__all__ = ["FINITE_DIFFERENCE", "LIKELIHOOD_RATIO", "Reference", "difference_reference", "find_reference", "sampled_reference"]

LIKELIHOOD_RATIO = "likelihood ratio"
FINITE_DIFFERENCE = "finite difference"
EXACT_GIVEN = "exact (given)"

_ENUMERABLE = 2**14
_PILOT = 8192
_GATE_ROWS = 1024
_COUNT_TAIL = 1e-3
_WORK = 2**20  # program rows times categories of one pilot, where that is more

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Reference:
    """What decides a problem.

    Attributes:
        kind: ``exact (given)``, ``exact (finite-state recursion)``, ``exact (enumeration)``, ``likelihood ratio`` or
            ``finite difference``.
        gradient: The gradient ``[d]``: exact, or a pilot's estimate from which scales and directions are taken.
        sampler: For a reference that is itself sampled: the estimator whose rows are subtracted, row by row.
        bias_bound: Bound on its own bias ``[d]``.
        rarest: Probability of the rarest event that a sample must have seen.
        gate_known: Whether nothing rarer can matter: the program was enumerated, or its author says so.
        computed: What the program itself gives, kind and gradient, where its author's own gradient decides.
    """

    kind: str
    gradient: Array
    sampler: Estimator | None
    bias_bound: Array
    rarest: float
    computed: tuple[str, Array] | None = None
    gate_known: bool = True

    @property
    def exact(self) -> bool:
        """Whether it is a number and not a sample."""
        return self.sampler is None

    @property
    def supports(self) -> bool:
        """Whether it can support a claim; finite differences rest on an assumption and can only refute one."""
        return self.kind != FINITE_DIFFERENCE


def find_reference(problem: Problem, entropy: int, tolerance: float) -> Reference:
    """The reference that decides a problem.

    Args:
        problem: The problem.
        entropy: The run's seed, for references that are sampled.
        tolerance: The relative tolerance, which says how rare an event may be and still matter.

    Raises:
        ProblemError: The program fails where a reference runs it, on one row or on outcomes that were not drawn.
    """
    try:
        return _decided(problem, entropy, tolerance)
    except Exception as error:
        raise ProblemError(
            f"problem {problem.name!r}: no reference could be computed: {type(error).__name__}: {error}; a program must run on "
            "any number of rows, and its sites must not depend on what was drawn"
        ) from error


def _decided(problem: Problem, entropy: int, tolerance: float) -> Reference:
    if problem.reference == FINITE_DIFFERENCE:
        return difference_reference(problem, entropy)
    if problem.reference == LIKELIHOOD_RATIO:
        return sampled_reference(problem, entropy)
    computed = _computed(problem, tolerance)
    if computed is None and problem.exact is None:
        return sampled_reference(problem, entropy)
    kind, gradient, rarest = computed or ("", np.zeros(0), 1.0)
    rarest = min(rarest, problem.rarest or 1.0)
    if computed is None:
        given = _flat(torch.as_tensor(problem.exact))
        return Reference(EXACT_GIVEN, given, None, np.zeros_like(given), **_gate(problem))
    if problem.exact is None:
        return Reference(kind, gradient, None, np.zeros_like(gradient), rarest)
    given = _flat(problem.exact)
    return Reference(EXACT_GIVEN, given, None, np.zeros_like(given), rarest, (kind, gradient) if computed else None)


def _computed(problem: Problem, tolerance: float) -> tuple[str, Array, float] | None:
    """Kind, exact gradient and rarest event of a program that is small enough, else None."""
    program, params = problem.program, problem.params
    if isinstance(program, MarkovProgram) and program.states is not None:
        chain = chain_moments(program, params)
        gradient = _flat(chain.gradient)
        tau = tolerance * scales(gradient, problem.scale_floor)
        carried = (chain.value - chain.mean).abs()[:, None] * chain.slope.abs()
        influential = [_influential(chain.mass, column, float(each)) for column, each in zip(carried.T, tau, strict=True)]
        return "exact (finite-state recursion)", gradient, min(rarest_outcome(program, params), *influential)
    if count_paths(program, params) > _ENUMERABLE:
        return None
    paths = enumerate_paths(program, params.cpu())
    gradient = _flat(paths.gradient())
    ignored = _ignored(problem)
    return "exact (enumeration)", gradient, _rarest(paths, tolerance * scales(gradient, problem.scale_floor), ignored)


def sampled_reference(problem: Problem, entropy: int) -> Reference:
    """The likelihood ratio, as leave-one-out pairs whose rows are subtracted from the estimator's."""
    sampler = LeaveOneOut(group=4)
    rows = _rows(problem, sampler, _PILOT, entropy, "pilot")
    gradient = rows.mean(0)
    return Reference(LIKELIHOOD_RATIO, gradient, sampler, np.zeros_like(gradient), **_gate(problem))


def difference_reference(problem: Problem, entropy: int) -> Reference:
    """Finite differences with common random numbers, their step chosen by a pilot and their bias bounded.

    A central difference D(h) is off by ``h^2 |f'''| / 6 + O(h^4)``, and ``D(h) - D(h / 2)`` is three quarters of that. The
    bound is 4 / 3 of that difference as measured, three standard errors added; the step is the one whose bound and standard
    error at a million rows are together the least. That f''' does not change its size within h is assumed; where the smaller
    step contradicts the larger one's bound it does, as a gradient that oscillates within h, and the contradiction is the bound.
    """
    rows = max(_PILOT, min(2**15, _WORK // (2 * problem.params.numel() * probe(problem).categories)))
    pilots = [_pilot(problem, step, rows, entropy) for step in _valid_steps(problem)]
    if not pilots:
        raise ProblemError(
            f"problem {problem.name!r}: its parameters are too close to where the program ends to be moved at all"
        )
    best = min(pilots, key=lambda each: each.cost(pilots[-1]))
    sampler, bound = FiniteDifference(step=best.step), best.bound_beside(pilots[-1])
    return Reference(FINITE_DIFFERENCE, best.gradient, sampler, bound, **_gate(problem))


@dataclass(frozen=True, eq=False)
class _Pilot:
    """Differences at one step: their mean, its standard error, and the bound on their bias from half the step, ``[d]``."""

    step: float
    rows: int
    gradient: Array
    error: Array
    bound: Array

    def bound_beside(self, smaller: _Pilot) -> Array:
        """The bound, or how far a smaller step's difference and its own bound reach where that difference is beyond it."""
        apart, error = np.abs(self.gradient - smaller.gradient), 3 * np.hypot(self.error, smaller.error)
        return np.where(apart > self.bound + error, apart + error + smaller.bound, self.bound)

    def cost(self, smaller: _Pilot) -> float:
        """The bound and the standard error of a million rows, together."""
        return float(np.linalg.norm(self.bound_beside(smaller)) + np.linalg.norm(self.error) * math.sqrt(self.rows) / 1000)


def _pilot(problem: Problem, step: float, rows: int, entropy: int) -> _Pilot:
    wide, narrow = (_rows(problem, FiniteDifference(step=each), rows, entropy, f"step {step}") for each in (step, step / 2))
    change, root = wide - narrow, math.sqrt(rows)
    bound = (np.abs(change.mean(0)) + 3 * change.std(0) / root) * 4 / 3
    return _Pilot(step, rows, wide.mean(0), wide.std(0) / root, bound)


def _valid_steps(problem: Problem) -> list[float]:
    """The steps at which the program still runs on both sides of every coordinate, its probabilities inside [0, 1]."""
    valid = []
    for step in (0.3, 0.05, 0.005, 0.0005):
        shifts = torch.diag(difference_steps(problem.params, step)).reshape(-1, *problem.params.shape)
        try:
            for point in (*(problem.params + shifts), *(problem.params - shifts)):
                probe(replace(problem, params=point))
        except ProblemError:
            continue
        valid.append(step)
        if len(valid) == 2:
            break
    return valid


def _gate(problem: Problem) -> dict[str, Any]:
    """The rarest outcome of any site that a pilot's probabilities show; what joint events may hide is its author's to say."""
    if problem.rarest is not None:
        return {"rarest": problem.rarest, "gate_known": True}
    params = problem.params.cpu().expand(_GATE_ROWS, *problem.params.shape)
    generator = chunk_generator(0, "gate", problem.name, str(params.dtype), "reference", 0)
    tape: Tape[FiniteSite] = Tape()
    with torch.no_grad():
        evaluate(problem.program, params, recording(_GATE_ROWS, generator, tape, finite_site_of))
    means = [each.site.probabilities().double().mean(0).reshape(-1) for each in tape.draws]
    ignored = _ignored(problem)
    seen = [float(each[each > ignored].min()) for each in means if bool((each > ignored).any())]
    return {"rarest": min(seen, default=1.0), "gate_known": False}


def _ignored(problem: Problem) -> float:
    """Outcomes of this probability or less count by their influence alone: the tail of a count never ends."""
    return _COUNT_TAIL if probe(problem).types & set(COUNT_SITES) else 0.0


def _rows(problem: Problem, estimator: Estimator, count: int, entropy: int, purpose: str) -> Array:
    generator = chunk_generator(entropy, purpose, problem.name, str(problem.params.dtype), "reference", 0)
    params = problem.params.cpu()
    rows = estimator(problem.program, params, count, generator)
    return np.asarray(rows.reshape(count, -1).double())


def _rarest(paths: Paths, tolerance: Array, ignored: float) -> float:
    """How rare an event may be and still carry a bias of the tolerance.

    The smaller of: the smallest marginal probability of any site's outcome; the probability of the most influential paths
    that together carry more than the tolerance, paths in decreasing order of ``|f - E f| |dlog P_j|``. Outcomes of probability
    ``ignored`` or less count by their influence alone: the tail of a count never ends.
    """
    weight = paths.weight.double()
    marginals = [float(weight[column == outcome].sum()) for column in paths.outcomes.T for outcome in torch.unique(column)]
    rarest = min((each for each in marginals if each > ignored), default=1.0)
    influence = (paths.objective - paths.mean()).abs()[:, None] * paths.weight_gradient.reshape(len(weight), -1).abs()
    for column, tau in zip(influence.T, tolerance, strict=True):
        rarest = min(rarest, _influential(weight, column, float(tau)))
    return rarest


def _influential(weight: Tensor, carried: Tensor, tau: float) -> float:
    """Probability of the paths that come first by influence and together carry ``tau``; ``carried`` is weight * influence."""
    order = (carried / weight.clamp_min(1e-300)).argsort(descending=True)
    reached = carried[order].cumsum(0) > tau
    if not bool(reached.any()):
        return 1.0
    return float(weight[order][: int(reached.int().argmax()) + 1].sum())


def _flat(gradient: Tensor) -> Array:
    return np.asarray(torch.as_tensor(gradient).detach().double().cpu().reshape(-1))

"""The kill matrix: every planted bug, and its sound original, run through the whole verifier."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
import torch

from ...estimators.protocol import Estimator, NotApplicableError
from ...estimators.runs.exact import exact_moments
from ..plan import Profile, Settings
from ..problems.problem import Problem
from ..record.record import Cell
from ..run.verification import Verification
from ..statistics.variance import variance_interval
from ..truth.known_moments import known_variance
from .mutants.mutant import Mutant
from .selftest_record import KillRow
from .sensitive import find_problem

__all__ = ["kill_row"]

ALPHA = 1e-5
"""The false-alarm rate of one mutant's run: 1e-3 over a hundred runs, mutants and originals."""

MAX_ROWS = 3_000_000
REFERENCE_ROWS = 2000  # few, because ordinary runs compare the references
VARIANCE_ROWS = 2**17  # enough to find a ratio of 1.1 up to a kurtosis of 20
EVIDENCE = 160  # characters
WIDEST = 0.25  # relative tolerance for bugs that are larger than the gradient


@dataclass(frozen=True)
class _Finding:
    """The findings of one run.

    Attributes:
        check: The first check that failed; empty if none did.
        evidence: The evidence of that check.
        word: The verdict on bias.
        relative: The norm of the bias, relative to the gradient's.
        noise: The standard deviation of one row, divided by the gradient's norm.
        rows: The number of rows drawn.
    """

    check: str
    evidence: str
    word: str
    relative: float | None
    noise: float | None
    rows: int


def kill_row(mutant: Mutant, seed: int) -> KillRow:
    """Verify a mutant and its original on the mutant's problem, expecting both to be unbiased.

    The tolerance at which a cell may stop is a quarter of the bug's size, so an accepted mutant is an error of the verifier. If
    the original's exact variance can be computed, a deviation from it is also a failure.

    Args:
        mutant: The planted bug.
        seed: The seed.
    """
    problem = find_problem(mutant.problem)
    tolerance = min(mutant.size / 4, WIDEST) if mutant.size else 0.05
    started = time.perf_counter()
    found = _verify(mutant.estimator, mutant, problem, tolerance, seed)
    seconds = time.perf_counter() - started
    control = _verify(mutant.original, mutant, problem, tolerance, seed)
    killed = bool(found.check)
    return KillRow(
        mutant=mutant.name,
        problem=mutant.problem,
        size=mutant.size,
        tolerance=tolerance,
        outcome="killed" if killed else "survived",
        check=found.check,
        evidence=found.evidence,
        relative=found.relative,
        noise=found.noise,
        num_samples=found.rows,
        reason="" if killed else (mutant.gap or f"{found.word}: no check failed"),
        expected=not mutant.gap,
        control=f"{control.check}: {control.evidence}" if control.check else control.word,
        accused=bool(control.check),
        timing={"seconds": seconds},
    )


def _verify(estimator: Estimator, mutant: Mutant, problem: Problem, tolerance: float, seed: int) -> _Finding:
    least = VARIANCE_ROWS if mutant.mean_is_right else 0
    profile = Profile("selftest", MAX_ROWS, least, tolerance, 2 * tolerance, REFERENCE_ROWS)
    name = mutant.name if estimator is mutant.estimator else f"original of {mutant.name}"
    # A mutant may change the global random state, which must not affect what follows.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        run = Verification({name: estimator}, [problem], Settings(profile, alpha=ALPHA, seed=seed, expect="unbiased"))
        cell = run.execute().cells[-1]
    check, evidence = _first_failure(cell) or _wrong_variance(run, mutant, problem) or ("", "")
    bias = cell.find("bias")
    assert bias is not None
    reason, sigma = bias.details.get("reason"), bias.details.get("sigma")
    norm = float(np.linalg.norm(run.workbench.reference(problem.name).gradient))
    return _Finding(
        check=check,
        evidence=evidence,
        word=f"{bias.outcome} ({reason})" if reason else bias.outcome,
        relative=None if bias.relative_error is None else bias.relative_error["estimate"],
        noise=None if sigma is None else sigma / norm,
        rows=max(each.num_samples for each in cell.checks),
    )


def _first_failure(cell: Cell) -> tuple[str, str] | None:
    """Return the first check that refutes the claim, and its evidence; None if no check failed."""
    for each in cell.checks:
        if each.claim == "refuted" or each.outcome == "failed":
            parts = (each.outcome, each.details.get("reason"), each.details.get("material"), each.note)
            return each.check, ", ".join(str(part) for part in parts if part)[:EVIDENCE]
    return None


def _wrong_variance(run: Verification, mutant: Mutant, problem: Problem) -> tuple[str, str] | None:
    """Compare one replicate's variance with the original's exact one, for bugs that no mean shows."""
    exact = _exact_variance(mutant.original, problem) if mutant.mean_is_right else None
    moments = run.runs[0].rows
    if exact is None or moments.count < VARIANCE_ROWS:
        return None
    channel = int(np.argmax(moments.variance[: run.runs[0].plan.size]))
    low, high = variance_interval(moments, channel, confidence=1 - ALPHA)
    if low <= exact <= high:
        return None
    return "variance", f"{moments.variance[channel]:.4g}; the exact variance is {exact:.4g}"


def _exact_variance(estimator: Estimator, problem: Problem) -> float | None:
    known = known_variance(estimator, problem)
    if known is not None:
        return known
    try:
        return float(exact_moments(estimator, problem.program, problem.params)[1].max())
    except NotApplicableError:
        return None

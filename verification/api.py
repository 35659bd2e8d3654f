"""Verification from Python: one estimator on some problems, a record or an assertion."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import exp, log

from scipy import stats

from ..estimators.protocol import Estimator
from ..estimators.registry import load_estimator
from .plan import settle
from .problems.problem import Problem
from .problems.registry import find_problems
from .record import Cell, Check, Record
from .run import Progress, verify_cells
from .seeds import stable_repr

__all__ = ["assert_unbiased", "assert_variance_at_most", "verify"]

Target = str | Estimator


def verify(
    estimators: Target | Iterable[Target] | Mapping[str, Estimator],
    problems: str | Problem | Iterable[str | Problem] = (),
    *,
    profile: str = "quick",
    tolerance: float | None = None,
    alpha: float = 1e-3,
    seed: int = 0,
    device: str = "cpu",
    expect: str = "claims",
    seconds: float | None = None,
    progress: Progress | None = None,
) -> Record:
    """Verify estimators on problems, in this process.

    Args:
        estimators: A registered name, a target, an estimator, or several; a mapping gives them names.
        problems: Names or `Problem` objects; none means those of the profile.
        profile: ``quick``, ``standard`` or ``thorough``.
        tolerance: Relative bias that is accepted; the profile's own if None.
        alpha: False-alarm rate of the whole call.
        seed: Entropy; the same seed on the same device gives the same record, times aside.
        device: ``cpu`` or ``cuda``.
        expect: Hold every estimator to ``unbiased``, ``biased`` or ``any`` instead of its own ``claims``.
        seconds: Close open cells after this time; the record is then not reproducible.
        progress: Told of every cell that closes.

    Returns:
        The record.

    Raises:
        TargetError: A name means nothing.
        ProblemError: A problem breaks its contract.
        ValueError: An option is out of range.

    Example:
        >>> record = verify("score_function", "bernoulli:0.3/cubic")
        >>> record.cells[-1].find("bias").outcome
        'unbiased'
    """
    settings = settle(
        profile=profile, tolerance=tolerance, alpha=alpha, seed=seed, device=device, expect=expect, seconds=seconds
    )
    return verify_cells(_named(estimators), _found(problems, quick=profile == "quick"), settings, progress)


def assert_unbiased(
    estimator: Target,
    problem: str | Problem,
    *,
    tolerance: float = 0.05,
    false_fail_rate: float = 1e-6,
    profile: str = "standard",
    seed: int = 0,
) -> None:
    """Assert that an estimator shows no bias above a tolerance.

    Correct code fails with probability at most `false_fail_rate`. Code that is off by more than the tolerance passes with
    probability below one in twenty; off by half as much again, hardly ever.

    Args:
        estimator: The estimator, its name or a target.
        problem: The problem or its name; a name of several asserts all of them.
        tolerance: Relative to the gradient's size.
        false_fail_rate: Probability of failing for an unbiased estimator.
        profile: Sets the rows at most: ``quick`` 3e5, ``standard`` 3e6, ``thorough`` 3e7.
        seed: Entropy.

    Raises:
        AssertionError: It is biased, or the rows did not suffice to say that it is not.

    Example:
        >>> assert_unbiased("leave_one_out", "bernoulli:0.3/cubic", tolerance=0.1)
    """
    record = verify(
        estimator, problem, profile=profile, tolerance=tolerance, alpha=false_fail_rate, seed=seed, expect="unbiased"
    )
    cells = [each for each in record.cells if each.estimator != "references"]
    wrong = [each for each in cells if _bias(each).outcome != "unbiased"]
    if wrong:
        said = "\n".join(_sentence(each, tolerance, false_fail_rate, seed) for each in wrong)
        raise AssertionError(said)


def assert_variance_at_most(
    estimator: Target,
    problem: str | Problem,
    variance: float,
    *,
    false_fail_rate: float = 1e-6,
    profile: str = "quick",
    seed: int = 0,
) -> None:
    """Assert that one replicate's variance (its widest coordinate) is not above a limit.

    Args:
        estimator: The estimator, its name or a target.
        problem: The problem or its name.
        variance: The limit, in squared units of the gradient.
        false_fail_rate: Probability of failing where the true variance is the limit or less.
        profile: Sets the rows.
        seed: Entropy.

    Raises:
        AssertionError: The variance is significantly above the limit, or could not be measured.

    Example:
        >>> assert_variance_at_most("stochastic_triple", "random_walk:10/square/p", 3.5)
    """
    record = verify(estimator, problem, profile=profile, alpha=false_fail_rate, seed=seed, expect="any")
    for cell in record.cells:
        if cell.estimator == "references":
            continue
        check = cell.find("variance")
        if check is None or check.estimate is None:
            raise AssertionError(f"{cell.estimator} on {cell.problem}: no variance was measured: {_bias(cell).note}")
        # The lower limit at 95 % is stretched on the log scale to the rate asked for.
        low = _lower_limit(check, false_fail_rate)
        if low > variance:
            raise AssertionError(
                f"{cell.estimator} on {cell.problem}: variance {check.estimate:.6g} of one replicate, above {variance:.6g} "
                f"(lower limit {low:.6g} at a false-fail rate of {false_fail_rate:g}, {check.num_samples} rows, seed {seed})"
            )


def _lower_limit(check: Check, false_fail_rate: float) -> float:
    assert check.estimate is not None
    assert check.interval is not None
    if check.estimate == 0 or check.interval[0] <= 0:
        return 0.0
    error = log(check.estimate / check.interval[0]) / float(stats.norm.isf(0.025))
    return check.estimate * exp(-error * float(stats.norm.isf(false_fail_rate)))


def _sentence(cell: Cell, tolerance: float, false_fail_rate: float, seed: int) -> str:
    bias = _bias(cell)
    head = f"{cell.estimator} on {cell.problem}: {bias.outcome}"
    reason = bias.details.get("reason")
    if reason:
        head += f" ({reason})"
    if bias.estimate is None or bias.interval is None:
        return f"{head}: {bias.note}"
    found = f"bias {bias.estimate:.6g} in [{bias.interval[0]:.6g}, {bias.interval[1]:.6g}]"
    relative = "" if bias.relative is None else f", {100 * bias.relative:.3g} % of the gradient's scale"
    needed = bias.details.get("rows_needed")
    more = f"; about {needed} rows would decide" if bias.outcome == "inconclusive" and needed else ""
    return (
        f"{head}: {found}{relative}; tolerance {100 * tolerance:.3g} %, reference {bias.reference}, "
        f"{bias.num_samples} rows{more}; false-fail rate {false_fail_rate:g}, seed {seed}. {bias.note}"
    ).rstrip()


def _bias(cell: Cell) -> Check:
    check = cell.find("bias")
    assert check is not None
    return check


def _named(estimators: Target | Iterable[Target] | Mapping[str, Estimator]) -> dict[str, Estimator]:
    if isinstance(estimators, Mapping):
        return dict(estimators)
    several = [estimators] if isinstance(estimators, str) or callable(estimators) else list(estimators)
    named: dict[str, Estimator] = {}
    for each in several:
        name, found = (each, load_estimator(each)) if isinstance(each, str) else (stable_repr(each), each)
        if named.setdefault(name, found) is not found:
            raise ValueError(f"two estimators call themselves {name}; give a mapping from names to estimators")
    return named


def _found(problems: str | Problem | Iterable[str | Problem], *, quick: bool) -> list[Problem]:
    several = [problems] if isinstance(problems, str | Problem) else list(problems)
    if not several:
        return find_problems([], quick=quick)
    named: dict[str, Problem] = {}
    for each in several:
        for found in [each] if isinstance(each, Problem) else find_problems([each], quick=quick):
            known = named.setdefault(found.name, found)
            if known is not found and isinstance(each, Problem):
                raise ValueError(f"two problems are named {found.name!r}; give each a name of its own")
    return list(named.values())

"""Verification from Python: some estimators on some problems, a record."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ..estimators.adapters import ForeignHints, as_estimator
from ..estimators.protocol import Estimator
from ..estimators.registry import load_estimator
from .foreign.examine import with_conventions
from .plan import settle
from .problems.problem import Problem
from .problems.registry import find_problems
from .record.record import Record
from .run.verification import Progress, verify_cells
from .seeds import stable_repr

__all__ = ["Target", "estimators_of", "problems_of", "verify"]

Target = str | Estimator | Callable[..., Any]


def verify(
    estimators: Target | Iterable[Target] | Mapping[str, Target],
    problems: str | Problem | Iterable[str | Problem] = (),
    *,
    profile: str = "quick",
    tolerance: float | None = None,
    alpha: float = 1e-3,
    seed: int = 0,
    device: str = "cpu",
    expect: str = "claims",
    seconds: float | None = None,
    dtype: str | None = None,
    wanted: ForeignHints | None = None,
    progress: Progress | None = None,
) -> Record:
    """Verify estimators on problems, in this process.

    Args:
        estimators: A registered name, a target, an estimator, foreign code as it is (see
            `gradverify.estimators.adapters.find_convention`), or several; a mapping gives them names.
        problems: Names or `Problem` objects; none means those of the profile.
        profile: ``quick``, ``standard`` or ``thorough``.
        tolerance: Relative bias that is accepted; the profile's own if None.
        alpha: False-alarm rate of the whole call.
        seed: Entropy; the same seed on the same device gives the same record, times aside.
        device: ``cpu`` or ``cuda``.
        expect: Hold every estimator to ``unbiased``, ``biased`` or ``any`` instead of its own ``claims``.
        seconds: Close open cells after this time; the record is then not reproducible.
        dtype: ``float32`` or ``float64``; each problem's own if None.
        wanted: What foreign code takes and returns, where calling it does not say.
        progress: Told of every cell that closes.

    Returns:
        The record.

    Raises:
        TargetError: A name means nothing, or foreign code could be used in several ways.
        ProblemError: A problem breaks its contract.
        ValueError: An option is out of range.

    Example:
        >>> record = verify("score_function", "bernoulli:0.3/cubic")
        >>> record.cells[-1].find("bias").outcome
        'unbiased'
    """
    settings = settle(
        profile=profile,
        tolerance=tolerance,
        alpha=alpha,
        seed=seed,
        device=device,
        expect=expect,
        seconds=seconds,
        dtype=dtype,
    )
    named = estimators_of(estimators, wanted)
    return with_conventions(verify_cells(named, problems_of(problems, quick=profile == "quick"), settings, progress))


def estimators_of(
    estimators: Target | Iterable[Target] | Mapping[str, Target], wanted: ForeignHints | None = None
) -> dict[str, Estimator]:
    """Name -> estimator, of what `verify` accepts."""
    if isinstance(estimators, Mapping):
        given = dict(estimators)
    else:
        several = [estimators] if isinstance(estimators, str) or callable(estimators) else list(estimators)
        given = {}
        for each in several:
            name = each if isinstance(each, str) else stable_repr(each)
            if given.setdefault(name, each) is not each:
                raise ValueError(f"two estimators call themselves {name}; give a mapping from names to estimators")
    return {
        name: load_estimator(each, wanted) if isinstance(each, str) else as_estimator(each, name, wanted)
        for name, each in given.items()
    }


def problems_of(problems: str | Problem | Iterable[str | Problem], *, quick: bool) -> list[Problem]:
    """The problems that `verify` accepts, each once; with ``quick`` the quick profile's where none is named."""
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

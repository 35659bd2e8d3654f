"""Names for what `verify` accepts: estimators and problems as names, targets or objects, one or several."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ...estimators.adapters import ForeignHints, as_estimator
from ...estimators.protocol import Estimator
from ...estimators.registry import load_estimator
from ..foreign.targets import split_batch
from ..problems.problem import Problem
from ..problems.programs import with_params
from ..problems.registry import find_problems
from ..seeds import stable_repr

__all__ = ["Problems", "Target", "Targets", "list_problems", "load_target", "name_problems", "name_targets"]

Target = str | Estimator | Callable[..., Any]
"""A registered name, ``package.module:attr``, ``path/to/file.py:attr``, an estimator, or foreign code as it is."""

Targets = Target | Iterable[Target] | Mapping[str, Target]
"""One target, several, or several under names of their own."""

Problems = str | Problem | Iterable[str | Problem]
"""One problem or several, as names or as objects."""


def name_targets(targets: Targets) -> dict[str, Target]:
    """Return targets by name: a mapping's keys, a string itself, or how an object describes itself.

    Raises:
        ValueError: Two objects describe themselves alike.
    """
    if isinstance(targets, Mapping):
        return dict(targets)
    several = [targets] if isinstance(targets, str) or callable(targets) else list(targets)
    named: dict[str, Target] = {}
    for target in several:
        name = target if isinstance(target, str) else stable_repr(target)
        if named.setdefault(name, target) is not target and named[name] != target:
            raise ValueError(f"two estimators call themselves {name}; give a mapping from names to estimators")
    return named


def load_target(name: str, target: Target, hints: ForeignHints | None) -> Estimator:
    """Return the estimator that a target is, loaded in this process.

    Raises:
        TargetError: The name means nothing, or foreign code could be used in several ways.
    """
    if not isinstance(target, str):
        return as_estimator(target, name, hints)
    place, batch = split_batch(target)
    return load_estimator(place, hints if batch is None else replace(hints or ForeignHints(), batch=batch))


def list_problems(problems: Problems, params: str | float | Sequence[float] | None = None) -> list[str | Problem]:
    """Return problems as they were given, one or several, with the parameters behind the names of programs that have none.

    Raises:
        TargetError: Parameters are given, and no name can hold a program.
    """
    several = [problems] if isinstance(problems, str | Problem) else list(problems)
    words = iter(with_params([word for word in several if isinstance(word, str)], _as_text(params)))
    return [given if isinstance(given, Problem) else next(words) for given in several]


def name_problems(
    problems: Problems, *, quick: bool, params: str | float | Sequence[float] | None = None
) -> tuple[list[Problem], dict[str, str]]:
    """Return problems, each once, and the target at which each that was named is found.

    Args:
        problems: Names or objects; none means the registered ones.
        quick: If True, the registered ones are those of the quick profile.
        params: The point at which programs are differentiated that are named without one.

    Raises:
        TargetError: A name means nothing.
        ValueError: Two problems bear the same name.
    """
    named: dict[str, Problem] = {}
    places: dict[str, str] = {}
    for word in list_problems(problems, params) or [""]:
        for problem in [word] if isinstance(word, Problem) else find_problems([word] if word else [], quick=quick):
            known = named.setdefault(problem.name, problem)
            if known is not problem and isinstance(word, Problem):
                raise ValueError(f"two problems are named {problem.name!r}; give each a name of its own")
            if isinstance(word, str):
                places[problem.name] = word or problem.name
    return list(named.values()), places


def _as_text(params: str | float | Sequence[float] | None) -> str | None:
    if params is None or isinstance(params, str):
        return params
    return ",".join(map(repr, params)) if isinstance(params, Sequence) else repr(params)

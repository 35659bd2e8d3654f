"""Names of problems: the package's own, those of plug-ins, and those given by a path or a module."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache, cached_property
from importlib.metadata import entry_points
from importlib.util import find_spec
from typing import Any

from ...estimators.registry import TargetError, load_attribute, load_plugin, repeated_plugins
from .agents import agents
from .bits import bernoulli, bits
from .calibration_walk import calibration_walk
from .categorical import categorical, categorical_one_hot
from .categorical_chain import chain
from .counts import binomial, geometric, poisson
from .problem import Problem, ProblemError
from .programs import is_program, program_problem, split_params
from .random_walk import published_walk, random_walk, random_walk_categorical
from .relational.edges import edges
from .subsets import subsets
from .toys import toy_vae

__all__ = ["GROUP", "find_problems", "is_own", "registered_problems", "unusable"]

GROUP = "gradverify.problems"
"""The entry-point group in which other packages register theirs: a `Problem` or a list of them."""

_FAMILIES: dict[str, tuple[Callable[[Any], list[Problem]], tuple[float, ...] | tuple[int, ...]]] = {
    "bernoulli": (bernoulli, (0.3, 0.01, 0.99)),
    "bits": (bits, (3,)),
    "categorical": (categorical, (4,)),
    "categorical_one_hot": (categorical_one_hot, (4,)),
    "binomial": (binomial, (5,)),
    "geometric": (geometric, (0.6,)),
    "poisson": (poisson, (1.5,)),
    "chain": (chain, (4,)),
    "edges": (edges, (3,)),
    "agents": (agents, (3,)),
    "random_walk": (random_walk, (10, 20, 50, 100)),
    "random_walk_categorical": (random_walk_categorical, (10,)),
    "calibration_walk": (calibration_walk, (10,)),
    "published_walk": (published_walk, (10, 50, 100)),
    "toy_vae": (toy_vae, (3,)),
    "subsets": (subsets, (4,)),
}


def registered_problems() -> dict[str, Problem]:
    """Return every registered problem by name, the package's own first; plug-ins that cannot be loaded are left out."""
    own = _own()
    return own | {name: each for name, each in _plugins().problems.items() if name not in own}


def unusable() -> dict[str, str]:
    """Return the names of the entry points that cannot be loaded, with the reasons."""
    return dict(_plugins().errors)


@cache
def _own() -> dict[str, Problem]:
    return {each.name: each for make, sizes in _FAMILIES.values() for size in sizes for each in make(size)}


@dataclass(frozen=True)
class _Plugins:
    problems: Mapping[str, Problem]
    errors: Mapping[str, str]


@cache
def _plugins() -> _Plugins:
    """Load the plug-ins; this happens only when a name is not one of the package's own."""
    problems: dict[str, Problem] = {}
    errors: dict[str, str] = {}
    taken: set[str] = set()
    for point in entry_points(group=GROUP):
        if point.name in taken:
            continue
        taken.add(point.name)
        try:
            problems |= {each.name: each for each in _as_problems(load_plugin(point), point.name)}
        except (TargetError, ProblemError) as error:
            errors[point.name] = str(error)
    return _Plugins(problems, errors)


def find_problems(targets: Iterable[str], *, quick: bool) -> list[Problem]:
    """Return the problems that the targets name, without duplicates, in the given order.

    Args:
        targets: Names (``family``, ``family:size``, ``family:size/objective/parameter``, any prefix at a ``:`` or ``/``, also
            without the size), or ``package.module:attr`` or ``path/to/file.py:attr``, followed by a plain program's parameters
            if needed, as in ``mine.py:walk@0.3,0.5``. A size that is not registered is created, as in ``random_walk:300``. No
            targets mean every registered problem.
        quick: Whether, without targets, only the problems of the quick profile are returned.

    Raises:
        TargetError: A target names nothing.
    """
    given = list(targets)
    if not given:
        for reason in (*unusable().values(), *repeated_plugins(GROUP)):
            warnings.warn(f"left out: {reason}", RuntimeWarning, stacklevel=2)
        return [each for each in registered_problems().values() if each.quick or not quick]
    found = {each.name: each for target in given for each in _find(target)}
    return list(found.values())


def is_own(target: str) -> bool:
    """Return True if a target names one of the package's own problems, at any size, so that no other code makes it."""
    family, colon, _ = target.partition(":")
    return (bool(colon) and family in _FAMILIES) or any(
        _matches(target, name) or _matches(target, each.series) for name, each in _own().items()
    )


def _find(target: str) -> list[Problem]:
    matches = [each for name, each in _own().items() if _matches(target, name) or _matches(target, each.series)]
    if matches:
        return matches
    family, colon, rest = target.partition(":")
    if family in _FAMILIES and colon:
        return _make_sized(family, rest, target)
    if ".py:" in target:
        return _load_placed(target)
    matches = [each for name, each in _plugins().problems.items() if _matches(target, name)]
    if matches:
        return matches
    if family in unusable():
        raise TargetError(unusable()[family])
    close = get_close_matches(family, _FAMILIES, n=1)
    # A user's module may have a name similar to that of a family.
    if colon and not (close and find_spec(family) is None):
        return _load_placed(target)
    raise TargetError(
        f"unknown problem {target!r}; {f'did you mean {close[0]}? ' if close else ''}expected one of the families "
        f"{', '.join(_FAMILIES)} (see `gradverify list problems`), 'package.module:attr' or 'path/to/file.py:attr'"
    )


def _load_placed(target: str) -> list[Problem]:
    """Load ``path/to/file.py:attr`` or ``package.module:attr``; a program takes the parameters after an ``@``."""
    place, given = split_params(target)
    found = load_attribute(place)
    if is_program(found):
        return [program_problem(found, place, given)]
    if given is not None:
        raise TargetError(f"{target!r}: {place} is not a program (params, sample) and takes no parameters; remove them")
    return _as_problems(found, target)


def _matches(target: str, name: str) -> bool:
    return name == target or name.startswith((f"{target}:", f"{target}/"))


def _make_sized(family: str, rest: str, target: str) -> list[Problem]:
    make, sizes = _FAMILIES[family]
    size, slash, behind = rest.partition("/")
    kind, least = type(sizes[0]), ""
    try:
        if not kind(size) > 0:
            least = "; a size is at least 1" if kind is int else ""
            raise ValueError
        made = make(kind(size))
    except ValueError as error:
        expected = f"expected {kind.__name__}, as {sizes[0]}{least}"
        raise TargetError(f"{target!r}: {size!r} is not a size of {family}; {expected}") from error
    # A number can be written in several ways, such as 0.30 or 1e-1; a name cannot.
    wanted = f"{family}:{made[0].size}{slash}{behind}"
    matches = [each for each in made if _matches(wanted, each.name)]
    if not matches:
        raise TargetError(f"{target!r} names no problem; expected one of {', '.join(each.name for each in made)}")
    return matches


def _as_problems(found: object, target: str) -> list[Problem]:
    made = _call_factory(found, target) if callable(found) and not (isinstance(found, Problem) or _has_own(found)) else found
    problems = [made] if isinstance(made, Problem) else [made.problem] if _has_own(made) else made  # type: ignore[attr-defined]
    if isinstance(problems, list | tuple) and problems and all(isinstance(each, Problem) for each in problems):
        return list(problems)
    raise TargetError(
        f"{target!r} is a {type(found).__name__}, not a problem; expected a gradverify.verification.Problem(name=..., "
        "program=..., params=...), a list of them, a function without arguments that makes one, or a program (params, sample)"
    )


def _has_own(found: object) -> bool:
    """Return True for an object that brings its problem with it, as training code does."""
    return isinstance(getattr(type(found), "problem", None), cached_property)


def _call_factory(factory: Callable[[], object], target: str) -> object:
    try:
        return factory()
    except Exception as error:
        raise TargetError(f"{target!r}: calling it raised {type(error).__name__}: {error}") from error

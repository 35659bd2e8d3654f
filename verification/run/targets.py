"""The targets of a run, loaded: in this process, or examined before in one that may crash."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from ...estimators.adapters import Convention, ForeignHints, TargetError, convention_of
from ...estimators.protocol import Estimator
from ...estimators.registry import ESTIMATORS, GROUP, load_estimator, names, repeated_plugins
from ..foreign.examine import examine
from ..foreign.targets import Finding, at_every_size, load_quietly, split_batch
from .naming import Target, Targets, load_target, name_targets

__all__ = ["LoadedTargets", "load_targets"]


@dataclass(frozen=True, kw_only=True)
class LoadedTargets:
    """The estimators of a run.

    Attributes:
        estimators: The estimators by name.
        conventions: The targets that are not the package's own, and how each is used.
        findings: The results of examining them, if they were examined in processes of their own.
        places: The targets that were given by name.
        objects: The names of those that were given as objects.
    """

    estimators: dict[str, Estimator]
    conventions: tuple[tuple[str, Convention], ...] = ()
    findings: tuple[Finding, ...] = ()
    places: tuple[str, ...] = ()
    objects: tuple[str, ...] = ()

    @property
    def foreign(self) -> frozenset[str]:
        """The names of the estimators that are foreign code, called as a convention says."""
        kinds = {name: convention_of(estimator).kind for name, estimator in self.estimators.items()}
        return frozenset(name for name, kind in kinds.items() if kind != "estimator")

    @property
    def any_foreign(self) -> bool:
        """True if some target is foreign code, or could not be read at all."""
        return bool(self.foreign) or any(finding.convention is None for finding in self.findings)


def load_targets(
    targets: Targets, hints: ForeignHints, *, isolate: bool, time_limit: float, notify: Callable[[str], None]
) -> LoadedTargets:
    """Load the targets of a run.

    Args:
        targets: As in `verify`; none means every registered estimator.
        hints: What is known of foreign code.
        isolate: If True, examine what is not the package's own in a process that may crash. A target that is wrong in itself,
            or could be read in several ways, is then left out and named; the others are judged all the same.
        time_limit: The seconds that one target may take in that process.
        notify: Called with a sentence on every target that is left out.

    Raises:
        TargetError: A target cannot be used; with ``isolate``, no target can.
        ValueError: ``isolate`` is asked of an object.
    """
    named = name_targets(targets)
    objects = tuple(name for name, target in named.items() if target != name)
    if not isolate:
        return _load_here(named or {name: name for name in names()}, objects, hints)
    if objects:
        raise ValueError(
            f"isolate: {objects[0]} was given as an object, which cannot be loaded in another process; "
            "give it by name, as 'path/to/file.py:attr', or leave isolate out"
        )
    return _load_examined(list(named), hints, time_limit, notify)


def _load_here(named: dict[str, Target], objects: tuple[str, ...], hints: ForeignHints) -> LoadedTargets:
    estimators = {name: load_target(name, target, hints) for name, target in named.items()}
    places = tuple(name for name in named if name not in objects)
    conventions = tuple((name, convention_of(estimators[name])) for name in places if _is_added(name))
    return LoadedTargets(estimators=estimators, conventions=conventions, places=places, objects=objects)


def _load_examined(
    targets: Sequence[str], hints: ForeignHints, time_limit: float, notify: Callable[[str], None]
) -> LoadedTargets:
    asked = targets or names()
    findings = examine([target for target in asked if _is_added(target)], hints, time_limit)
    findings += [finding for finding in map(_look_up, asked) if finding is not None]
    if not targets:  # a plug-in that is wrong is not what was asked for, and no wrong usage
        findings = [replace(found, status="failed") if found.status == "refused" else found for found in findings]
    unusable = [finding for finding in findings if finding.status in ("refused", "failed")]
    if unusable and len(unusable) == len(asked):
        raise TargetError("\n".join(finding.note for finding in unusable))
    for sentence in repeated_plugins(GROUP):
        notify(sentence)
    for finding in unusable:
        notify(f"not judged: {finding.note}")
    conventions = {finding.target: finding.convention for finding in findings if finding.convention is not None}
    usable = at_every_size(asked, findings)
    return LoadedTargets(
        estimators={name: load_quietly(name, conventions.get(name)) for name in usable},
        conventions=tuple(conventions.items()),
        findings=tuple(findings),
        places=tuple(usable),
    )


def _look_up(target: str) -> Finding | None:
    """Return a finding on a name that nobody registered, and None for any other target."""
    if target in ESTIMATORS or _is_added(target):
        return None
    try:
        load_estimator(target)
    except TargetError as error:
        return Finding(target, None, "refused", str(error))
    return None


def _is_added(target: str) -> bool:
    """True if a target is not one of the package's own estimators: a place, or a name that another package registered."""
    return target not in ESTIMATORS and (":" in target or split_batch(target)[0] in names())

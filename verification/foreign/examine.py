"""Foreign targets are examined in a process of their own, before anything else is done with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ...estimators.adapters import ForeignHints, TargetError, UnrecognisedTargetError, convention_of
from .apart import examine_apart
from .isolation import message_of
from .targets import WIDE, Finding, split_batch

__all__ = ["examine"]


def examine(targets: Sequence[str], hints: ForeignHints, limit: float = 600.0) -> list[Finding]:
    """Load targets and find out how each is used, in a spawned process that may crash, hang or exit.

    Args:
        targets: ``package.module:attr``, ``path/to/file.py:attr``, or names of other packages' entry points, each with ``@N``
            behind it where a batch of N rows is to be one replicate.
        hints: What is known of them beforehand.
        limit: Seconds that one target may take.

    Returns:
        One finding a target, in order, and a second one, ``target@8``, where rows depend on each other and no size was stated;
        one that names nothing, or fits several conventions, is ``refused``, and its note says what to do.
    """
    found = examine_apart(targets, _looked_at, hints, limit)
    return [sized for finding in found for sized in (_at_sizes(finding) if not hints.batch else [finding])]


def _at_sizes(finding: Finding) -> list[Finding]:
    """Return the finding, and one at the second batch size if the law could depend on the size."""
    convention = finding.convention
    if convention is None or convention.group == 1 or split_batch(finding.target)[1] is not None:
        return [finding]
    return [finding, replace(finding, target=f"{finding.target}@{WIDE}", convention=convention.with_group(WIDE))]


def _looked_at(target: str, hints: ForeignHints) -> Finding:
    from ...estimators.registry import load_estimator

    place, batch = split_batch(target)
    try:
        convention = convention_of(load_estimator(place, hints if batch is None else replace(hints, batch=batch)))
        if batch is not None and (batch < 2 or convention.group != batch):
            raise TargetError(f"{target!r}: @N is for losses and gradients of a batch of two rows or more; leave @{batch} out")
        return Finding(target, convention)
    except UnrecognisedTargetError as error:
        return Finding(target, None, "failed", message_of(error))
    except TargetError as error:
        return Finding(target, None, "refused", message_of(error))
    except BaseException as error:
        return Finding(target, None, "crashed", f"{type(error).__name__} while it was probed: {message_of(error)}"[:500])

"""The targets of a run: their names, the batch sizes at which they are judged, and the result of examining them."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ...estimators.adapters import Convention
from ...estimators.protocol import Estimator
from ...estimators.registry import load_estimator
from ..verdicts import Status

__all__ = ["WIDE", "Finding", "at_every_size", "load_quietly", "split_batch"]

WIDE = 8
"""The second batch size at which code is judged whose rows depend on each other; the first is two."""


@dataclass(frozen=True)
class Finding:
    """The result of examining one target.

    Attributes:
        target: The target.
        convention: The way in which it is used; None if that could not be found out.
        status: ``ok``, ``failed``, ``crashed``, ``timeout``, or ``refused`` if the target itself is wrong.
        note: One sentence on what happened.
    """

    target: str
    convention: Convention | None = None
    status: Status | Literal["refused"] = "ok"
    note: str = ""


def split_batch(target: str) -> tuple[str, int | None]:
    """Return a target without the batch size that it may end in, and that size.

    Example:
        >>> split_batch("mine.py:loss@8"), split_batch("mine.py:loss")
        (('mine.py:loss', 8), ('mine.py:loss', None))
    """
    place, _, size = target.rpartition("@")
    return (place, int(size)) if place and size.isdecimal() else (target, None)


def at_every_size(targets: Sequence[str], findings: Sequence[Finding]) -> list[str]:
    """Return the targets that can be used, each followed by itself at the second batch size if there is one."""
    broken = {each.target for each in findings if each.convention is None}
    wide = {each.target for each in findings} - set(targets)
    names = (name for target in targets for name in (target, f"{target}@{WIDE}"))
    return [name for name in names if name in wide or (name in targets and name not in broken)]


def load_quietly(target: str, convention: Convention | None) -> Estimator:
    """Return the estimator that a target names, and drop what its module prints while it is loaded."""
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        return load_estimator(split_batch(target)[0], convention=convention)

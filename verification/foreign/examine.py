"""Foreign targets are examined in a process of their own, before anything else is done with them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from multiprocessing.connection import Connection
from typing import Any

from ...estimators.adapters import ForeignHints, TargetError, UnrecognisedTargetError, convention_of
from .isolation import MEMORY, isolate, memory, message_of
from .processes import PROCESSES
from .targets import WIDE, Finding, split_batch

__all__ = ["examine"]

_KEPT = MEMORY // 8  # bytes that a target may leave behind before the next one gets a process of its own
_START = 120.0  # seconds in which a process must start; importing PyTorch takes some

_WORDS = {
    "timeout": "it did not come back within {limit:g} seconds while it was probed, and was ended",
    "crashed": "its process died while it was probed (exit, signal or a crash in native code; exit code {code})",
}


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
    found: list[Finding] = []
    while len(found) < len(targets):
        found += _examined_together(targets[len(found) :], hints, limit)
    return [sized for finding in found for sized in (_at_sizes(finding) if not hints.batch else [finding])]


def _examined_together(targets: Sequence[str], hints: ForeignHints, limit: float) -> list[Finding]:
    """Return the findings of the targets up to the first one that ends or hangs the process."""
    ours, theirs = PROCESSES.Pipe(duplex=False)
    process = PROCESSES.Process(target=_look, args=(theirs, list(targets), hints), daemon=True)
    process.start()
    theirs.close()
    try:
        return list(_heard(ours, process, targets, limit))
    finally:
        process.kill()
        process.join()
        ours.close()


def _heard(connection: Connection, process: Any, targets: Sequence[str], limit: float) -> Iterator[Finding]:
    patience = _START
    for target in targets:
        # Two messages a target: that it begins, and what was found.
        for begins in (True, False):
            if not connection.poll(patience):
                yield Finding(target, None, "timeout", _WORDS["timeout"].format(limit=patience))
                return
            try:
                message = connection.recv()
            except EOFError:
                if not begins or target == targets[0]:
                    process.join()
                    yield Finding(target, None, "crashed", _WORDS["crashed"].format(code=process.exitcode))
                return
            patience = limit
        yield message


def _look(connection: Connection, targets: list[str], hints: ForeignHints) -> None:
    import torch

    isolate()
    torch.set_num_threads(1)
    start = memory()
    for target in targets:
        connection.send(target)
        connection.send(_looked_at(target, hints))
        if memory() - start > _KEPT:
            return


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

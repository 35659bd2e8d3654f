"""Names are examined one after another in a process of their own, which may crash, hang or exit."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection
from typing import Any, TypeVar

from .isolation import MEMORY, isolate, memory
from .processes import PROCESSES, follow_parent, forget_safe_path, start_server
from .targets import Finding

__all__ = ["examine_apart"]

_KEPT = MEMORY // 8  # bytes that a target may leave behind before the next one gets a process of its own
_START = 120.0  # seconds in which a process must start; importing PyTorch takes some

_WORDS = {
    "timeout": "it did not come back within {limit:g} seconds while it was probed, and was ended",
    "crashed": "its process died while it was probed (exit, signal or a crash in native code; exit code {code})",
}

_A = TypeVar("_A")


def examine_apart(targets: Sequence[str], look: Callable[[str, _A], Finding], argument: _A, limit: float) -> list[Finding]:
    """Return what a function finds of every target, called in spawned processes.

    Args:
        targets: The names, in order.
        look: The function, importable; it is called with a name and the argument.
        argument: The same for every name.
        limit: Seconds that one name may take.
    """
    found: list[Finding] = []
    while len(found) < len(targets):
        found += _examined_together(targets[len(found) :], look, argument, limit)
    return found


def _examined_together(targets: Sequence[str], look: Callable[[str, _A], Finding], argument: _A, limit: float) -> list[Finding]:
    """Return the findings of the targets up to the first one that ends or hangs the process."""
    start_server()
    ours, theirs = PROCESSES.Pipe(duplex=False)
    process = PROCESSES.Process(target=_look, args=(theirs, list(targets), look, argument), daemon=True)
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


def _look(connection: Connection, targets: list[str], look: Callable[[str, Any], Finding], argument: Any) -> None:
    import torch

    follow_parent()
    forget_safe_path()
    isolate()
    torch.set_num_threads(1)
    start = memory()
    for target in targets:
        connection.send(target)
        connection.send(look(target, argument))
        if memory() - start > _KEPT:
            return

"""Isolation keeps foreign code in a worker from doing harm: its output goes nowhere, its memory has a limit."""

from __future__ import annotations

import os
import sys
from pathlib import Path

__all__ = ["MEMORY", "isolate", "memory", "message_of", "out_of_memory"]

MEMORY = 4 * 2**30
"""Bytes that a worker with foreign code may take beyond what it starts with."""


def isolate(*, limited: bool = True) -> None:
    """Send this process's standard output and error nowhere, natively written ones too, and limit its memory.

    For worker processes: it cannot be undone.

    Args:
        limited: Whether to limit memory; a GPU's driver reserves address space that would count.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for descriptor in (1, 2):
        os.dup2(nowhere, descriptor)
    os.close(nowhere)
    if limited:
        _limit_memory(MEMORY)


def memory() -> int:
    """Return the bytes of private writable memory that this process holds, or 0 if the system does not say."""
    try:
        status = Path("/proc/self/status").read_text(encoding="utf-8")
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmData:")), 0)


def out_of_memory(error: BaseException) -> bool:
    """Return True if an error says that memory is used up."""
    return isinstance(error, MemoryError) or "allocate memory" in message_of(error) or "not enough memory" in message_of(error)


def message_of(error: BaseException) -> str:
    """Return an error's message; foreign errors may raise while they make theirs."""
    try:
        return str(error)
    except Exception as second:
        return f"(its message raised {type(second).__name__})"


def _limit_memory(more: int) -> None:
    """Limit private writable memory, which counts what is allocated and not what a library only maps."""
    now = memory()
    if not now:
        return
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    limit = now + more if hard == resource.RLIM_INFINITY else min(now + more, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, hard))

"""The number of processes that a run spawns."""

from __future__ import annotations

import os

__all__ = ["usable_cores", "worker_count"]


def worker_count(asked: int | None, device: str, cells: int) -> int:
    """Return the number of processes to spawn; none on a GPU, which one process keeps busy."""
    if device != "cpu" or asked == 0:
        return 0
    return max(1, min(asked or usable_cores(), cells))


def usable_cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

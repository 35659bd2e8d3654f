"""How many processes a command spawns."""

from __future__ import annotations

import os

__all__ = ["usable_cores", "worker_count"]


def worker_count(asked: int | None, device: str, cells: int) -> int:
    """Processes to spawn; none on a GPU, which one process keeps busy."""
    if device != "cpu" or asked == 0:
        return 0
    return max(1, min(asked or usable_cores(), cells))


def usable_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

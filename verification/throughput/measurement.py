"""Rates of several ways to do the same work, measured side by side in one process: interleaved blocks, medians, ratios."""

from __future__ import annotations

import ctypes
import gc
import re
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch

__all__ = ["Reading", "Way", "WayKind", "measure", "peak_bytes"]

WayKind = Literal["eager", "fused", "peer"]

LEAST_SECONDS = 0.02
"""What one block of a way takes at least; faster work is repeated, so that the clock's own cost is nothing."""

SLOW_SECONDS = 1.0
_SLOW_BLOCKS = 2


@dataclass(frozen=True, eq=False)
class Way:
    """One way to draw rows.

    Attributes:
        name: What it is called.
        kind: ``eager``, ``fused``, ``peer``: how it runs.
        rows: Rows that one run draws.
        run: Draws them once.
        variance: Variance of one row; None where it is not an estimate of the gradient.
        evaluations: Program evaluations a row; None where that depends on the program.
    """

    name: str
    kind: WayKind
    rows: int
    run: Callable[[], object]
    variance: float | None = None
    evaluations: int | None = 1

    @property
    def key(self) -> str:
        """What tells it from the other ways."""
        return f"{self.name} ({self.kind})"


@dataclass(frozen=True)
class Reading:
    """What a way took.

    Attributes:
        seconds: Seconds a row, the median over blocks: CPU seconds of all threads, or wall-clock seconds on a GPU.
        ratio: Its rate over the yardstick's, the median over blocks that hold one run of each.
        peak: Bytes a row that one run needed at its peak beside what was there before; None where it cannot be read.
        first: Seconds of the first run, which loads and compiles.
        blocks: How many blocks there were.
    """

    seconds: float
    ratio: float
    peak: float | None
    first: float
    blocks: int


def measure(ways: Sequence[Way], yardstick: Way, *, device: str, blocks: int) -> dict[str, Reading]:
    """Time ways against a yardstick.

    A block runs every way once, the yardstick before each of them, so that a slow moment of the machine meets both. Ways that
    take more than a second run in two blocks only.

    Args:
        ways: What is measured; their keys differ.
        yardstick: What rates are divided by.
        device: ``cpu`` or ``cuda``.
        blocks: Number of blocks.

    Returns:
        By key.
    """
    clock = _clock(device)
    firsts = {each.key: _seconds(each, 1, clock) for each in (*ways, yardstick)}
    gc.collect()
    peaks = {each.key: peak_bytes(each.run, device) for each in ways}
    repeats = {each.key: _repeats(each, clock) for each in (*ways, yardstick)}
    taken: dict[str, list[tuple[float, float]]] = {each.key: [] for each in ways}
    for block in range(blocks):
        for way in ways:
            slow = taken[way.key] and taken[way.key][-1][0] * way.rows > SLOW_SECONDS
            if slow and block >= _SLOW_BLOCKS:
                continue
            beside = _seconds(yardstick, repeats[yardstick.key], clock) / yardstick.rows
            taken[way.key].append((_seconds(way, repeats[way.key], clock) / way.rows, beside))
    return {
        each.key: Reading(
            seconds=statistics.median(own for own, _ in taken[each.key]),
            ratio=statistics.median(beside / own for own, beside in taken[each.key]),
            peak=None if peaks[each.key] is None else (peaks[each.key] or 0) / each.rows,
            first=firsts[each.key],
            blocks=len(taken[each.key]),
        )
        for each in ways
    }


def peak_bytes(run: Callable[[], object], device: str) -> int | None:
    """Bytes that a run holds at its peak beside what was there before.

    On a GPU of PyTorch's own count; on Linux of the process's resident set, to a few hundred kilobytes; None elsewhere.
    """
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        run()
        return torch.cuda.max_memory_allocated() - before
    try:
        _give_back_freed_memory()
        Path("/proc/self/clear_refs").write_text("5")
        before = _resident("VmRSS")
        run()
        return max(0, _resident("VmHWM") - before)
    except OSError:
        return None


def _give_back_freed_memory() -> None:
    """Memory that the allocator keeps for later would be used again unseen; only the C library of GNU can be asked."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def _resident(field: str) -> int:
    found = re.search(rf"{field}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    if found is None:
        raise OSError(f"/proc/self/status has no {field}")
    return 1024 * int(found[1])


def _clock(device: str) -> Callable[[], float]:
    """CPU seconds, which other processes on the machine do not add to; on a GPU wall-clock seconds, once it is idle."""
    if device == "cpu":
        return time.process_time

    def synchronised() -> float:
        torch.cuda.synchronize()
        return time.perf_counter()

    return synchronised


def _seconds(way: Way, repeats: int, clock: Callable[[], float]) -> float:
    """Seconds of one run."""
    started = clock()
    for _ in range(repeats):
        way.run()
    return (clock() - started) / repeats


def _repeats(way: Way, clock: Callable[[], float]) -> int:
    return max(1, round(LEAST_SECONDS / max(_seconds(way, 1, clock), 1e-6)))

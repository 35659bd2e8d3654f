"""The rates of several ways to do equal work, measured side by side in one process: interleaved blocks, medians, ratios."""

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
"""The least time of one block; faster work is repeated, so that the clock's own cost does not matter."""

SLOW_SECONDS = 1.0
_SLOW_BLOCKS = 2


@dataclass(frozen=True, eq=False)
class Way:
    """One way to draw rows.

    Attributes:
        name: The name of the way.
        kind: The path that runs: ``eager``, ``fused`` or ``peer``.
        rows: The number of rows that one run draws.
        run: The function that draws them once.
        variance: The variance of one row; None if a row is no estimate of the gradient.
        evaluations: Program evaluations a row; None if that depends on the program.
    """

    name: str
    kind: WayKind
    rows: int
    run: Callable[[], object]
    variance: float | None = None
    evaluations: int | None = 1

    @property
    def key(self) -> str:
        """The key that tells the way from the others."""
        return f"{self.name} ({self.kind})"


@dataclass(frozen=True)
class Reading:
    """The measured cost of a way.

    Attributes:
        seconds: Seconds a row, the median over blocks: CPU seconds of all threads, or wall-clock seconds on a GPU.
        ratio: The rate over that of the yardstick, the median over blocks that hold one run of each.
        peak: Bytes a row that one run needed at its peak beyond those in use before; None if they cannot be read.
        first: Seconds of the first run, which loads and compiles.
        blocks: The number of blocks.
    """

    seconds: float
    ratio: float
    peak: float | None
    first: float
    blocks: int


def measure(ways: Sequence[Way], yardstick: Way, *, device: str, blocks: int) -> dict[str, Reading]:
    """Time ways against a yardstick.

    A block runs every way once, with the yardstick before each of them, so that a slow moment of the machine meets both. A way
    that takes more than a second runs in two blocks only.

    Args:
        ways: The ways to measure; their keys differ.
        yardstick: The way by whose rate the other rates are divided.
        device: ``cpu`` or ``cuda``.
        blocks: The number of blocks.

    Returns:
        Key -> reading.
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
    """Return the bytes that a run holds at its peak beyond those in use before.

    On a GPU this is PyTorch's own count; on Linux it is the process's resident set, to a few hundred kilobytes; elsewhere None.
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
    """Give back the memory that the allocator keeps for later, whose use would not be seen; only the GNU C library can."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def _resident(field: str) -> int:
    match = re.search(rf"{field}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    if match is None:
        raise OSError(f"/proc/self/status has no {field}")
    return 1024 * int(match[1])


def _clock(device: str) -> Callable[[], float]:
    """Return a clock of CPU seconds, to which other processes add nothing; on a GPU, of wall-clock seconds once it is idle."""
    if device == "cpu":
        return time.process_time

    def synchronise_after() -> float:
        torch.cuda.synchronize()
        return time.perf_counter()

    return synchronise_after


def _seconds(way: Way, repeats: int, clock: Callable[[], float]) -> float:
    """Return the seconds of one run."""
    started = clock()
    for _ in range(repeats):
        way.run()
    return (clock() - started) / repeats


def _repeats(way: Way, clock: Callable[[], float]) -> int:
    return max(1, round(LEAST_SECONDS / max(_seconds(way, 1, clock), 1e-6)))

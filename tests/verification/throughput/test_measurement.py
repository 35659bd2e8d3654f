"""Measurement: medians and ratios of interleaved blocks. Clocks are planted; none is asserted."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from gradverify.verification.throughput import measurement
from gradverify.verification.throughput.measurement import Way, measure, peak_bytes


class _Clock:
    """Time that passes while ways run, and never else."""

    def __init__(self) -> None:
        self.now = 0.0
        self.log: list[str] = []

    def way(self, name: str, seconds: float, rows: int = 10) -> Way:
        def run() -> None:
            self.now += seconds
            self.log.append(name)

        return Way(name, "eager", rows, run)


@pytest.fixture(name="clock")
def planted_clock(monkeypatch: pytest.MonkeyPatch) -> _Clock:
    clock = _Clock()
    monkeypatch.setattr(measurement, "_clock", lambda device: lambda: clock.now)
    monkeypatch.setattr(measurement, "peak_bytes", lambda run, device: 500)
    return clock


def test_seconds_and_ratios(clock: _Clock) -> None:
    ways = [clock.way("fast", 0.1), clock.way("slow", 0.4, rows=20)]
    readings = measure(ways, clock.way("yardstick", 0.2), device="cpu", blocks=3)
    assert readings["fast (eager)"].seconds == pytest.approx(0.01)
    assert readings["fast (eager)"].ratio == pytest.approx(2)
    assert readings["slow (eager)"].seconds == pytest.approx(0.02)
    assert readings["slow (eager)"].ratio == pytest.approx(1)
    assert readings["slow (eager)"].peak == 25
    assert readings["fast (eager)"].blocks == 3


def test_blocks_interleave_and_each_way_follows_a_yardstick(clock: _Clock) -> None:
    measure([clock.way("a", 0.1), clock.way("b", 0.1)], clock.way("y", 0.1), device="cpu", blocks=2)
    assert clock.log[-8:] == ["y", "a", "y", "b"] * 2


def test_a_slow_way_runs_in_two_blocks(clock: _Clock) -> None:
    readings = measure([clock.way("slow", 3.0), clock.way("fast", 0.1)], clock.way("y", 0.1), device="cpu", blocks=5)
    assert readings["slow (eager)"].blocks == 2
    assert readings["fast (eager)"].blocks == 5


def test_a_slow_moment_of_the_machine_leaves_the_median_alone(clock: _Clock) -> None:
    delays = itertools.chain([0.0] * 4, [5.0], itertools.repeat(0.0))
    way = clock.way("a", 0.1)

    def run(inner: Callable[[], object] = way.run) -> None:
        inner()
        clock.now += next(delays)

    readings = measure([replace(way, run=run)], clock.way("y", 0.1), device="cpu", blocks=5)
    assert readings["a (eager)"].ratio == pytest.approx(1)


def test_short_work_is_repeated(clock: _Clock) -> None:
    measure([clock.way("a", measurement.LEAST_SECONDS / 8)], clock.way("y", 0.1), device="cpu", blocks=1)
    assert clock.log[-8:] == ["a"] * 8


def test_peak_memory_sees_what_is_freed_again() -> None:
    peak = peak_bytes(lambda: torch.ones(2**24, dtype=torch.float64).sum(), "cpu")
    if peak is None:
        pytest.skip("the platform does not tell")
    assert peak > 0.9 * 2**27

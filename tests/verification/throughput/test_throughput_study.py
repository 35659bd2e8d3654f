"""Throughput: medians and ratios of interleaved blocks, and the study made of them. Clocks are planted, none is asserted."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from click.testing import CliRunner

from gradverify.estimators import Enumeration, ScoreFunction, StochasticTriple
from gradverify.verification.cli import main
from gradverify.verification.cli.bench import TARGETS
from gradverify.verification.problems.registry import find_problems
from gradverify.verification.record.record import Record
from gradverify.verification.throughput import measurement
from gradverify.verification.throughput.measurement import Way, measure, peak_bytes
from gradverify.verification.throughput.peers import TORCH_PEERS, forward_walk
from gradverify.verification.throughput.throughput_study import BenchSettings, cost_charts, throughput_study

SETTINGS = BenchSettings(rows=64, blocks=1, peers=False)
WALK = "random_walk:10/square/p"


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


@pytest.fixture(name="hasty")
def without_repeats(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clocks that need not be exact."""
    monkeypatch.setattr(measurement, "LEAST_SECONDS", 0.0)


@pytest.mark.usefixtures("hasty")
def test_the_study_holds_nothing_but_timing() -> None:
    study = throughput_study(
        {"score": ScoreFunction(), "triple": StochasticTriple(), "paths": Enumeration()},
        find_problems([WALK, "bits:3/cubic"], quick=False),
        {"length": find_problems(["random_walk:4/square/p"], quick=False)},
        SETTINGS,
        lambda done, total, name: None,
    )
    assert study.exhibits.tables == ()
    assert study.exhibits.charts == ()
    assert study.statements == ()
    walk, bits = study.timing.tables
    ways = [row[:2] for row in walk.rows]
    assert ("forward, raw operations", "peer") in ways
    assert ("score", "eager") in ways
    assert len({(row[0], row[1]) for row in bits.rows}) == len(bits.rows)
    assert {each.name for each in study.timing.charts} == {
        f"{what}_by_{grows}" for what in ("seconds", "memory") for grows in ("length", "rows")
    }
    columns = walk.columns
    line = dict(zip(columns, next(row for row in walk.rows if row[:2] == ("score", "eager")), strict=True))
    assert line["variance"] == pytest.approx(52.17, rel=1e-3)
    assert line["variance x seconds"] == pytest.approx(line["variance"] / line["replicates a second"])
    assert line["draws a second"] == pytest.approx(10 * line["replicates a second"])
    assert line["seconds to 1 %"] == pytest.approx(line["variance x seconds"] / (0.01 * 2.76488620) ** 2)


def test_charts_leave_out_what_could_not_be_read() -> None:
    reading = measurement.Reading(seconds=0.5, ratio=1.0, peak=None, first=1.0, blocks=1)
    seconds, memory = cost_charts("rows", [(1.0, {"a": reading}), (2.0, {"a": replace(reading, peak=4.0)})])
    assert seconds.series[0].x == (1.0, 2.0)
    assert memory.series[0].x == (2.0,)


@pytest.mark.parametrize("name", TORCH_PEERS)
def test_peers_draw_the_score_functions_rows(name: str) -> None:
    """Means of 2.76, standard deviations of 7.2: 4.9 standard errors, a false-fail rate of 9.6e-7."""
    torch.manual_seed(0)
    rows = 400 if name.startswith("one ") else 4000
    found = TORCH_PEERS[name](10, rows, torch.float64, "cpu", torch.Generator().manual_seed(0))
    assert found.shape == (rows,)
    assert abs(found.mean() - 2.76488620) < 4.9 * 52.2**0.5 / rows**0.5


def test_the_yardstick_draws_the_objective() -> None:
    """E[X^2] = 29.54; the false-fail rate as above, the standard deviation from the rows."""
    found = forward_walk(10, 20_000, torch.float64, "cpu", torch.Generator().manual_seed(0))
    assert abs(found.mean() - 29.53888502) < 4.9 * found.std() / 20_000**0.5


@pytest.mark.usefixtures("hasty")
def test_command(tmp_path) -> None:
    arguments = ["bench", "score_function", "--problem", WALK, "--rows", "64", "--blocks", "1", "--no-curves", "--no-peers"]
    result = CliRunner().invoke(main, [*arguments, "--out", str(tmp_path / "bench")])
    assert result.exit_code == 0, result.output
    (study,) = Record.read(tmp_path / "bench" / "report.json").studies
    assert study.name == "throughput"
    assert study.settings["rows"] == 64


def test_command_refuses_what_it_does_not_know() -> None:
    result = CliRunner().invoke(main, ["bench", "no_such_estimator"])
    assert result.exit_code == 2
    assert "no_such_estimator" in result.output


def test_default_targets_are_registered() -> None:
    from gradverify.estimators.registry import names

    assert set(TARGETS) <= set(names())

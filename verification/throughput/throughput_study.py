"""The study of ``gradverify bench``: rates, memory, variance times seconds, and the growth of costs; all of it is timing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import torch

from ...estimators.fused import Fused, fuse, fused_objectives
from ...estimators.markov import MarkovProgram
from ...estimators.protocol import Estimator, NotApplicableError, describe, evaluate
from ...estimators.runs.tape import sampling
from ...estimators.score_function import ScoreFunction
from ..checks.conformance import applicability
from ..problems.problem import Problem, probe
from ..record.study import Chart, Exhibits, Series, Study, Table, Value
from ..subject import FIT_ROWS
from ..truth.known_moments import known_variance
from ..truth.references import find_reference
from .installed_peers import installed_peers
from .measurement import Reading, Way, WayKind, measure
from .peers import TORCH_PEERS, forward_walk

__all__ = ["BenchSettings", "throughput_study"]

ONE_BY_ONE_ROWS = 4
CURVE_BLOCKS = 3

Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class BenchSettings:
    """The settings of a measurement of throughput.

    Attributes:
        rows: The rows of one run.
        blocks: The number of interleaved blocks, over which medians are taken.
        device: ``cpu`` or ``cuda``.
        dtype: The floating type of the estimators and of the yardstick.
        fused: Measure compiled walks beside the eager path.
        peers: Measure, on the random walk, code that one would write without this package.
        seed: The seed of every generator.
    """

    rows: int = 16_384
    blocks: int = 7
    device: str = "cpu"
    dtype: torch.dtype = torch.float32
    fused: bool = True
    peers: bool = True
    seed: int = 0

    def generator(self) -> torch.Generator:
        """Return a fresh generator on the device."""
        return torch.Generator(self.device).manual_seed(self.seed)

    def place(self, problem: Problem) -> Problem:
        """Return the problem with its parameters on the device and in the floating type."""
        return replace(problem, params=problem.params.to(self.device, self.dtype))


def throughput_study(
    estimators: Mapping[str, Estimator],
    problems: Sequence[Problem],
    curves: Mapping[str, Sequence[Problem]],
    settings: BenchSettings,
    progress: Progress,
) -> Study:
    """Measure estimators on problems, with the ways of each problem side by side.

    Args:
        estimators: Name -> estimator.
        problems: The problems; each gets a table.
        curves: The name of a growing quantity -> problems whose size is that quantity; each gets a pair of charts.
        settings: The settings of the measurement.
        progress: A function that is called after every table and every pair of charts.

    Returns:
        A study whose exhibits all stand under ``timing``.
    """
    total = len(problems) + len(curves) + bool(curves)
    tables: list[Table] = []
    charts: list[Chart] = []
    for problem in problems:
        tables.append(_table(problem, settings, *_measure_all(estimators, problem, settings)))
        progress(len(tables), total, problem.name)
    for grows, family in curves.items():
        charts += cost_charts(grows, [_costs(estimators, each, float(each.size), settings) for each in family])
        progress(len(tables) + len(charts) // 2, total, grows)
    if curves:
        sizes = [replace(settings, rows=settings.rows * each // 4) for each in (1, 4, 16)]
        charts += cost_charts("rows", [_costs(estimators, problems[0], float(each.rows), each) for each in sizes])
        progress(total, total, "rows")
    clock = "CPU seconds of all threads" if settings.device == "cpu" else "wall-clock seconds, synchronised"
    return Study(
        name="throughput",
        title="Throughput",
        text=(
            "Every way runs in one process, in interleaved blocks; the figures are medians over blocks. 'rate / forward' is "
            "a way's replicates a second divided by those of a plain batched forward run, measured right before it: raw "
            "PyTorch operations on the random walk, the program itself elsewhere.",
            f"Seconds are {clock}. 'variance x seconds' is the variance of one replicate times its seconds, so less is "
            "better whatever the rate; 'seconds to 1 %' is the time until the standard error is 1 % of the gradient.",
        ),
        settings={
            "rows": settings.rows,
            "blocks": settings.blocks,
            "device": settings.device,
            "dtype": str(settings.dtype).removeprefix("torch."),
            "threads": torch.get_num_threads(),
            "fused": settings.fused,
        },
        timing=Exhibits(tables=tuple(tables), charts=tuple(charts)),
    )


def _ways(estimators: Mapping[str, Estimator], problem: Problem, settings: BenchSettings) -> tuple[list[Way], Way]:
    """Return every way to work on a problem, and the yardstick."""
    placed, generator = settings.place(problem), settings.generator()
    forward = _forward(placed, settings, generator)
    length = _walk_length(problem)
    yardstick = forward[0]
    if length is not None:
        raw = partial(forward_walk, length, settings.rows, settings.dtype, settings.device, generator)
        yardstick = Way("forward, raw operations", "peer", settings.rows, raw)
        forward.insert(0, yardstick)
    ways = forward + [way for each in estimators.items() for way in _estimator_ways(*each, placed, settings, generator)]
    if length is not None and settings.peers and problem.name.endswith("square/p"):
        ways += _peers(length, known_variance(ScoreFunction(), problem), settings, generator)
    return ways, yardstick


def _forward(problem: Problem, settings: BenchSettings, generator: torch.Generator) -> list[Way]:
    """Return plain runs of the program: as it is written, and by a compiled walk."""
    rows = settings.rows

    def eager() -> object:
        with torch.no_grad():
            return evaluate(problem.program, problem.params.expand(rows, *problem.params.shape), sampling(rows, generator))

    ways = [Way("forward, the program", "eager", rows, eager)]
    if settings.fused and fused_objectives(problem.program, problem.params, 1, generator) is not None:
        ways.append(Way("forward", "fused", rows, lambda: fused_objectives(problem.program, problem.params, rows, generator)))
    return ways


def _estimator_ways(
    name: str, estimator: Estimator, problem: Problem, settings: BenchSettings, generator: torch.Generator
) -> list[Way]:
    """Return an estimator's own way and that by a compiled walk; none if it does not apply."""
    if applicability(estimator, problem, probe(problem)):
        return []
    try:
        fit = getattr(estimator, "fit", None)
        ready = fit(problem.program, problem.params, num_samples=FIT_ROWS, generator=generator) if fit else estimator
        variance = _variance(ready, problem, generator)
    except NotApplicableError:
        return []
    kinds: dict[WayKind, Estimator] = {"eager": ready}
    if settings.fused and isinstance(quick := fuse(ready, problem.program, problem.params), Fused):
        kinds["fused"] = quick
    evaluations, rows = describe(estimator).evaluations, settings.rows
    return [
        Way(name, kind, rows, partial(each, problem.program, problem.params, rows, generator), variance, evaluations)
        for kind, each in kinds.items()
    ]


def _variance(estimator: Estimator, problem: Problem, generator: torch.Generator) -> float:
    """Return the variance of one row, summed over coordinates: the exact one if it is known, or that of pilot rows."""
    rows = estimator(problem.program, problem.params, FIT_ROWS, generator).double()
    exact = known_variance(estimator, problem)
    return float(rows.var(0).sum()) if exact is None else exact


def _peers(length: int, variance: float | None, settings: BenchSettings, generator: torch.Generator) -> list[Way]:
    """Return the ways in which one would write this without the package; all draw the score function's rows."""
    ways = []
    for name, draw in TORCH_PEERS.items():
        rows = ONE_BY_ONE_ROWS if name.startswith("one ") else settings.rows
        run = partial(draw, length, rows, settings.dtype, settings.device, generator)
        ways.append(Way(name, "peer", rows, run, variance))
    if settings.device == "cpu":
        for name, foreign in installed_peers(length, settings.rows).items():
            ways.append(Way(name, "peer", settings.rows, foreign, variance))
    return ways


def _walk_length(problem: Problem) -> int | None:
    walks = problem.family.startswith("random_walk") and isinstance(problem.program, MarkovProgram)
    return int(problem.size) if walks else None


def _measure_all(
    estimators: Mapping[str, Estimator], problem: Problem, settings: BenchSettings
) -> tuple[list[Way], dict[str, Reading]]:
    ways, yardstick = _ways(estimators, problem, settings)
    return ways, measure(ways, yardstick, device=settings.device, blocks=settings.blocks)


def _table(problem: Problem, settings: BenchSettings, ways: Sequence[Way], readings: Mapping[str, Reading]) -> Table:
    elements = probe(problem).elements
    gradient = find_reference(problem, settings.seed, 0.1).gradient
    square = float((gradient**2).sum())
    columns: Mapping[str, Callable[[Way], Value]] = {
        "way": lambda way: way.name,
        "path": lambda way: way.kind,
        "replicates a second": lambda way: 1 / readings[way.key].seconds,
        "draws a second": lambda way: elements / readings[way.key].seconds,
        "rate / forward": lambda way: readings[way.key].ratio,
        "evaluations": lambda way: way.evaluations,
        "peak bytes a row": lambda way: readings[way.key].peak,
        "variance": lambda way: way.variance,
        "variance x seconds": lambda way: _work(way, readings[way.key]),
        "seconds to 1 %": lambda way: _seconds_to_one_percent(_work(way, readings[way.key]), square),
        "first run, s": lambda way: readings[way.key].first,
    }
    caption = f"{settings.rows} rows a run, {elements} draws a row, {str(settings.dtype).removeprefix('torch.')}."
    return Table.of(problem.name, columns, ways, caption)


def _work(way: Way, reading: Reading) -> float | None:
    return None if way.variance is None else way.variance * reading.seconds


def _seconds_to_one_percent(work: float | None, squared_norm: float) -> float | None:
    """Return the seconds until the standard error is 1 % of the gradient's norm."""
    return None if work is None or squared_norm == 0 else work / (0.01**2 * squared_norm)


def _costs(
    estimators: Mapping[str, Estimator], problem: Problem, size: float, settings: BenchSettings
) -> tuple[float, dict[str, Reading]]:
    """Return the size, and the cost of every way of the estimators there."""
    ways, yardstick = _ways(estimators, problem, replace(settings, peers=False))
    ways = [each for each in ways if each.variance is not None]
    return size, measure(ways, yardstick, device=settings.device, blocks=CURVE_BLOCKS)


def cost_charts(grows: str, costs: Sequence[tuple[float, Mapping[str, Reading]]]) -> tuple[Chart, Chart]:
    """Draw seconds and bytes a row against a growing quantity.

    Args:
        grows: The name of the quantity.
        costs: Pairs of its value and the readings there, by the key of the way.
    """
    names = list(dict.fromkeys(name for _, readings in costs for name in readings))

    def series(value: Callable[[Reading], float | None]) -> tuple[Series, ...]:
        lines = []
        for name in names:
            points = [(size, cost) for size, readings in costs if name in readings and (cost := value(readings[name]))]
            if points:
                x, y = zip(*points, strict=True)
                lines.append(Series(label=name, x=x, y=y, style="both"))
        return tuple(lines)

    chart = partial(Chart, x_label=grows, x_log=True, y_log=True)
    file = grows.replace(" ", "_")
    return (
        chart(
            name=f"seconds_by_{file}",
            title=f"Seconds a replicate against {grows}",
            caption="Medians over blocks; with a slope of one, the cost grows in proportion.",
            y_label="seconds a replicate",
            series=series(lambda reading: reading.seconds),
        ),
        chart(
            name=f"memory_by_{file}",
            title=f"Peak memory a replicate against {grows}",
            caption="Bytes that one run held at its peak beyond those in use before; a peak too small to read has no point.",
            y_label="bytes a replicate",
            series=series(lambda reading: reading.peak),
        ),
    )

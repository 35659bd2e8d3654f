"""``gradverify variance``: how the variance of one replicate grows with a problem's size."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..drawing.workers import worker_count
from .output import claim_folder, command_line, finish, usage_errors
from .progress import progress

if TYPE_CHECKING:
    from ...estimators.protocol import Estimator
    from ..drawing.executors import Executor
    from ..run.verification import Verification

__all__ = ["variance"]


class _Sizes(click.ParamType):
    name = "N,N,..."

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        if isinstance(value, tuple):
            return value
        try:
            sizes = tuple(int(each) for each in value.split(","))
        except ValueError:
            self.fail(f"{value!r}; expected whole numbers with commas between, as 10,20,50", param, ctx)
        if min(sizes) < 1:
            self.fail(f"{value!r}; a size is at least 1", param, ctx)
        return sizes


@click.command(short_help="Measure how variance grows with a problem's size.")
@click.argument("targets", nargs=-1, metavar="[TARGET]...")
@click.option("--problem", default="random_walk/square/p", show_default=True, metavar="FAMILY", help="Swept over its sizes.")
@click.option("--sizes", type=_Sizes(), default="10,20,50,100,200", show_default=True, help="Problem sizes n.")
@click.option("--profile", type=click.Choice(["quick", "standard", "thorough"]), default="quick", show_default=True)
@click.option("--samples", type=int, metavar="ROWS", help="Rows of an estimator at a size; the profile's own otherwise.")
@click.option("--alpha", type=float, metavar="A", default=1e-3, show_default=True, help="False-alarm rate of the whole run.")
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--device", type=click.Choice(["cpu", "cuda"]), default="cpu", show_default=True)
@click.option("--dtype", type=click.Choice(["float32", "float64"]), help="Floating type; each problem's own otherwise.")
@click.option("--workers", type=click.IntRange(min=0), metavar="N", help="Worker processes; 0: none. Default: the cores.")
@click.option("--costs/--no-costs", default=True, help="Measure seconds and memory against size, rows and parameters.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Folder for the report.")
def variance(
    targets: tuple[str, ...],
    problem: str,
    sizes: tuple[int, ...],
    profile: str,
    samples: int | None,
    alpha: float,
    seed: int,
    device: str,
    dtype: str | None,
    workers: int | None,
    costs: bool,
    out: Path | None,
) -> None:
    """Measure how variance grows with size: every TARGET over a family of problems.

    A TARGET is a registered name, package.module:attr or path/to/file.py:attr; without one, every registered estimator.
    Exponents come with intervals and with their sensitivity to the range; where the problem is a finite chain, exact lines
    run to n = 1000, and exponents that estimators declare are held against them.

    Exit status: 0 every claim holds; 1 a claim is refuted; 2 wrong usage; 3 nothing refuted, something inconclusive;
    4 something could not be run; 130 interrupted, with what is finished written.
    """
    with usage_errors():
        if out is not None:
            claim_folder(out)
        from ..studies.sweep import sweep_settings, swept

        settings = sweep_settings(profile=profile, samples=samples, seed=seed, alpha=alpha, device=device, dtype=dtype)
        estimators, series = _estimators(targets), swept(problem, sizes)
    with progress() as told, usage_errors():
        from ..studies.session import variance_record

        record = variance_record(
            estimators,
            series,
            settings,
            command=command_line(),
            executor=lambda run: _executor(run, workers),
            costs=costs,
            progress=told,
        )
    finish(record, out)


def _estimators(targets: tuple[str, ...]) -> dict[str, Estimator]:
    """Those named, or all that give a gradient at all."""
    from ...estimators.protocol import describe
    from ...estimators.registry import load_estimator, names

    chosen = {name: load_estimator(name) for name in (targets or names())}
    return {name: each for name, each in chosen.items() if targets or describe(each).claims.bias != "no-gradient"}


def _executor(run: Verification, workers: int | None) -> Executor:
    from ..drawing.executors import Inline, Processes

    count = worker_count(workers, run.settings.device, len(run.runs))
    places = {each.name: each.name for each in run.problems}
    return Processes(count, run.settings, places) if count else Inline(run.bench)

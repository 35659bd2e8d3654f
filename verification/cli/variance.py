"""``gradverify variance``: how the variance of one replicate grows with a problem's size."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..record.folder import claim_folder
from ..run.request import options as verify_options
from .output import command_line, finish, usage_errors
from .progress import progress
from .request_options import request_options

if TYPE_CHECKING:
    from ...estimators.protocol import Estimator
    from ..drawing.place import Drawing
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
@request_options(spec for spec in verify_options().values() if spec.about.sweeps)
@click.option("--samples", type=int, metavar="ROWS", help="Rows of an estimator at a size; the profile's own otherwise.")
@click.option("--costs/--no-costs", default=True, help="Measure seconds and memory against size, rows and parameters.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Folder for the report.")
def variance(
    targets: tuple[str, ...],
    problem: str,
    sizes: tuple[int, ...],
    samples: int | None,
    costs: bool,
    out: Path | None,
    **given: Any,
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
        from ..drawing.place import Place
        from ..studies.sweep import sweep_settings, swept

        place = Place(workers=given.pop("workers"))
        settings = sweep_settings(samples=samples, **given)
        estimators, series = _estimators(targets), swept(problem, sizes)
    with progress() as told, usage_errors():
        from ..studies.variance_record import variance_record

        record = variance_record(
            estimators,
            series,
            settings,
            command=command_line(),
            executor=lambda run: place.executor(_drawing(run), len(run.subjects)),
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


def _drawing(run: Verification) -> Drawing:
    from ..drawing.place import Drawing

    return Drawing(run.workbench, {problem.name: problem.name for problem in run.problems})

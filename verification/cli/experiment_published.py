"""``gradverify experiment published``: the numbers of the literature, reproduced."""

from __future__ import annotations

from pathlib import Path

import click

from ..drawing.workers import worker_count
from ..record.folder import claim_folder
from .output import command_line, finish, usage_errors
from .progress import progress

__all__ = ["published"]


@click.command()
@click.option("--samples", type=click.IntRange(min=300), default=100_000, show_default=True, metavar="N", help="Rows a point.")
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--training", is_flag=True, help="Also train polynomial programming, 8,000 steps a rule: some ten minutes.")
@click.option("--workers", type=click.IntRange(min=0), metavar="N", help="Processes for that; 0: none. Default: the cores.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Folder for the report.")
def published(samples: int, seed: int, training: bool, workers: int | None, out: Path | None) -> None:
    """Reproduce the numbers of the literature: the walk's figure, the toys' variances, polynomial programming.

    Exit status: 0 it ran; what agrees and what does not stands in the report.
    """
    with usage_errors():
        if out is not None:
            claim_folder(out)
    from ..experiments.published.polynomial_training import TRAINED, Schedule
    from ..experiments.published.published_study import published_record

    schedule = Schedule()
    count = worker_count(workers, "cpu", len(TRAINED) * len(schedule.powers))
    asked = schedule if training else None
    with progress("parts") as told:
        try:
            record = published_record(
                samples=samples, seed=seed, command=command_line(), training=asked, workers=count, progress=told
            )
        except RuntimeError as error:
            raise click.ClickException(str(error)) from error
    finish(record, out)

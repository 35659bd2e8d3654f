"""``gradverify experiment published``: the numbers of the literature, reproduced."""

from __future__ import annotations

from pathlib import Path

import click

from .output import claim_folder, finish, usage_errors
from .progress import progress

__all__ = ["published"]


@click.command()
@click.option("--samples", type=click.IntRange(min=300), default=100_000, show_default=True, metavar="N", help="Rows a point.")
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Folder for the report.")
def published(samples: int, seed: int, out: Path | None) -> None:
    """Reproduce the numbers of the literature: the walk's figure, the toys' variances, polynomial programming.

    Exit status: 0 it ran; what agrees and what does not stands in the report.
    """
    with usage_errors():
        if out is not None:
            claim_folder(out)
    from ..experiments.published import published_record

    with progress("parts") as told:
        record = published_record(samples=samples, seed=seed, progress=told)
    finish(record, out)

"""``gradverify selftest``: the test of the test."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Literal

import click

from ..drawing.workers import usable_cores
from ..record.folder import make_writable
from .output import usage_errors
from .progress import progress

__all__ = ["selftest"]


@click.command(short_help="Measure the verifier: false alarms, planted bugs, power.")
@click.option("--profile", type=click.Choice(["fast", "full"]), default="full", show_default=True)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@click.option("--workers", type=click.IntRange(min=0), metavar="N", help="Worker processes; 0: none. Default: the cores.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Folder for selftest.json, .md, .svg and .png.")
def selftest(profile: Literal["fast", "full"], seed: int, workers: int | None, out: Path | None) -> None:
    """Measure the verifier itself: false alarms on sound laws, planted bugs, power.

    Exit status: 0 it kept its promises; 1 it did not; 2 wrong usage; 130 interrupted, with nothing written.
    """
    from ..selftest import exit_status, run_selftest, write_selftest

    with usage_errors():
        if out is not None:
            make_writable(out)
    with progress() as told:
        found = run_selftest(profile, seed=seed, workers=usable_cores() if workers is None else workers, progress=told)
    from ..selftest.rendering import to_markdown

    click.echo(to_markdown(found))
    if out is not None:
        with usage_errors():
            write_selftest(found, out)
    sys.exit(exit_status(found))

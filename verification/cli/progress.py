"""Progress on stderr: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

__all__ = ["progress"]

_QUIET_SECONDS = 10.0


@contextmanager
def progress(unit: str = "cells") -> Iterator[Callable[[int, int, str], None]]:
    """Progress on stderr: a bar on a terminal, a line now and then elsewhere."""
    if not sys.stderr.isatty():
        yield _plain_progress(unit)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (BarColumn(), MofNCompleteColumn(), TextColumn(unit), TimeElapsedColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None)
        yield lambda done, total, name: bar.update(task, completed=done, total=total, description=name)


def _plain_progress(unit: str) -> Callable[[int, int, str], None]:
    last = time.monotonic()

    def show(done: int, total: int, name: str) -> None:
        nonlocal last
        if done == total or time.monotonic() - last > _QUIET_SECONDS:
            last = time.monotonic()
            click.echo(f"{done} of {total} {unit} decided", err=True)

    return show

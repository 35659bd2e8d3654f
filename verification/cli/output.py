"""The end of every command: its errors in one sentence, its record, its exit status."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from ..record.record import Record

__all__ = ["RECORD", "command_line", "finish", "usage_errors"]


class _RecordPath(click.Path):
    """A record's file, or the folder that a run wrote."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        path = Path(os.fsdecode(super().convert(value, param, ctx)))
        if not path.is_dir():
            return path
        if not (path / "report.json").is_file():
            self.fail(f"folder {path} holds no report.json; expected the folder of a run, or a record", param, ctx)
        return path / "report.json"


RECORD = _RecordPath(path_type=Path, exists=True)


def command_line() -> str:
    """Return the command of this run, for its record."""
    return shlex.join(["gradverify", *sys.argv[1:]])


def finish(record: Record, out: Path | None) -> None:
    """Write the reports, print the summary, exit with the record's status."""
    from ..report import exit_status, render, validate
    from ..run.publish import publish

    validate(record)
    terminal = sys.stdout.isatty()
    click.echo(render(record, shutil.get_terminal_size((100, 24)).columns, styled=terminal), nl=False)
    if out is not None:
        # After the summary, which is all that is left of a run whose disk is full.
        with usage_errors():
            publish(record, out)
        click.echo(f"\nreport: {out / 'report.html'}")
    sys.exit(exit_status(record))


@contextmanager
def usage_errors() -> Iterator[None]:
    """Turn an error that the user can mend into one sentence and exit status 2."""
    try:
        yield
    except (ValueError, ImportError) as error:
        raise click.UsageError(_as_typed(str(error))) from error
    except OSError as error:
        place = f" ({error.filename})" if error.filename else ""
        raise click.UsageError(f"cannot write or read{place}: {error.strerror or error}") from error


def _as_typed(message: str) -> str:
    """A message that opens with a parameter, as ``seconds=-1; expected ...``, opens with the option that was typed instead."""
    context = click.get_current_context(silent=True)
    parameters = context.command.params if context is not None else []
    options = {str(each.name): each.opts[-1] for each in parameters if isinstance(each, click.Option)}
    name, equals, rest = message.partition("=")
    return f"{options[name]} {rest}" if equals and name in options else message

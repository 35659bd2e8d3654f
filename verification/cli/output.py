"""The end of every command: its errors in one sentence, its record, its exit status."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from ..record.record import Record

__all__ = ["RECORD", "command_line", "finish", "read_record", "silence", "usage_errors"]


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


def read_record(path: Path) -> Record:
    """Read a record from elsewhere, and hold it to its schema where the library for that is installed.

    Raises:
        ValueError: It is no record, or it breaks its schema; the message names the file and the place.
        OSError: It cannot be read.
    """
    from ..record.record import Record
    from ..report import validate

    record = Record.read(path)
    if find_spec("jsonschema") is not None:
        try:
            validate(record)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error
    return record


def command_line() -> str:
    """Return the command of this run, for its record."""
    return shlex.join(["gradverify", *sys.argv[1:]])


def finish(record: Record, out: Path | None) -> None:
    """Write the reports, print the summary, exit with the record's status.

    The summary is also all that is left of a run whose disk is full, and a summary that nobody can read changes no status.
    """
    from ..report import exit_status, render, validate
    from ..run.publish import publish

    validate(record)
    failure: Exception | None = None
    if out is not None:
        try:
            publish(record, out)
        except (ImportError, OSError, ValueError) as error:
            failure = error
    written = out is not None and failure is None
    with printing():
        styled = sys.stdout.isatty()
        text = render(record, shutil.get_terminal_size((100, 24)).columns, styled=styled)
        click.echo(text + (f"\nreport: {out / 'report.html'}\n" if written and out is not None else ""), nl=False)
        sys.stdout.flush()
    if failure is not None:
        with usage_errors():
            raise failure
    sys.exit(exit_status(record))


@contextmanager
def printing() -> Iterator[None]:
    """Print something that nobody may be there to read: a closed or full stream is said on the other one, if at all."""
    try:
        yield
    except (OSError, ValueError) as error:
        silence()
        if not isinstance(error, BrokenPipeError):
            with suppress(OSError, ValueError):
                click.echo(f"the summary could not be printed: {error}", err=True)


def silence() -> None:
    """Send what is still to be printed nowhere: the interpreter would fail on it at its end."""
    with suppress(OSError, ValueError, AttributeError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


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

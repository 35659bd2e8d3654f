"""What every command does with its folder, its errors and its record."""

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

__all__ = ["RECORD", "claim_folder", "command_line", "earlier_record", "finish", "make_writable", "usage_errors"]


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


def claim_folder(folder: Path) -> None:
    """Make sure that a folder may be written to, and holds nothing but an earlier report."""
    from ..record.record import Record

    make_writable(folder)
    holds = [each for each in folder.iterdir() if not each.name.startswith(".")]
    if holds:
        try:
            Record.read(folder / "report.json")
        except (OSError, ValueError) as error:
            raise ValueError(
                f"folder {folder} holds {holds[0].name} and no report of gradverify; "
                "give an empty or new folder, or one of an earlier run"
            ) from error


def earlier_record(folder: Path) -> Record | None:
    """The record that a folder holds; None where it holds none that can be read."""
    from ..record.record import Record

    try:
        return Record.read(folder / "report.json")
    except (OSError, ValueError):
        return None


def make_writable(folder: Path) -> None:
    """Make a folder where there is none, and try to write to it: before a run, not at its end."""
    from ..record.record import write_atomically

    with _named(folder):
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".writable"
        write_atomically(probe, "")
        probe.unlink()


def command_line() -> str:
    """How this run was asked for, to stand in its record."""
    return shlex.join(["gradverify", *sys.argv[1:]])


def finish(record: Record, out: Path | None) -> None:
    """Write the reports, print the summary, exit with the record's status."""
    from ..drawing.journal import JOURNAL
    from ..report import exit_status, remove_stale, render, validate, write_reports

    validate(record)
    terminal = sys.stdout.isatty()
    click.echo(render(record, shutil.get_terminal_size((100, 24)).columns, styled=terminal), nl=False)
    if out is not None:
        # After the summary, which is all that is left of a run whose disk is full.
        with usage_errors(), _named(out):
            before = earlier_record(out)
            record.write(out / "report.json")
            remove_stale(before, out, write_reports(record, out))
            if record.run.complete and not record.run.time_truncated:
                (out / JOURNAL).unlink(missing_ok=True)
        click.echo(f"\nreport: {out / 'report.html'}")
    sys.exit(exit_status(record))


@contextmanager
def usage_errors() -> Iterator[None]:
    """What the user can mend becomes one sentence and exit status 2."""
    try:
        yield
    except (ValueError, ImportError) as error:
        raise click.UsageError(_as_typed(str(error))) from error
    except OSError as error:
        place = f" ({error.filename})" if error.filename else ""
        raise click.UsageError(f"cannot write or read{place}: {error.strerror or error}") from error


@contextmanager
def _named(folder: Path) -> Iterator[None]:
    """Errors of the file system name the user's folder: a full disk names nothing, and a temporary file no one knows."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(folder)) from error


def _as_typed(message: str) -> str:
    """A message that opens with a parameter, as ``seconds=-1; expected ...``, opens with the option that was typed instead."""
    context = click.get_current_context(silent=True)
    parameters = context.command.params if context is not None else []
    options = {str(each.name): each.opts[-1] for each in parameters if isinstance(each, click.Option)}
    name, equals, rest = message.partition("=")
    return f"{options[name]} {rest}" if equals and name in options else message

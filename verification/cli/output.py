"""What every command does with its folder, its errors and its record."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from ..record import Record

__all__ = ["RECORD", "claim_folder", "finish", "usage_errors"]


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
    from ..record import Record, write_atomically

    folder.mkdir(parents=True, exist_ok=True)
    holds = [each for each in folder.iterdir() if not each.name.startswith(".")]
    if holds:
        try:
            Record.read(folder / "report.json")
        except (OSError, ValueError) as error:
            raise ValueError(
                f"folder {folder} holds {holds[0].name} and no report of gradverify; "
                "give an empty or new folder, or one of an earlier run"
            ) from error
    probe = folder / ".writable"
    write_atomically(probe, "")
    probe.unlink()


def finish(record: Record, out: Path | None) -> None:
    """Write the reports, print the summary, exit with the record's status."""
    from ..journal import JOURNAL
    from ..report import exit_status, render, validate, write_reports

    validate(record)
    terminal = sys.stdout.isatty()
    click.echo(render(record, shutil.get_terminal_size((100, 24)).columns, styled=terminal))
    if out is not None:
        # After the summary, which is all that is left of a run whose disk is full.
        with usage_errors():
            record.write(out / "report.json")
            write_reports(record, out)
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
        raise click.UsageError(str(error)) from error
    except OSError as error:
        place = f" ({error.filename})" if error.filename else ""
        raise click.UsageError(f"cannot write or read{place}: {error.strerror or error}") from error

"""``gradverify report``: render a record again."""

from __future__ import annotations

from pathlib import Path

import click

from ..record.folder import RECORD_NAME, claim_folder, earlier_record, refuse_others
from ..record.lock import unlock_folder
from .output import RECORD, read_record, usage_errors

__all__ = ["report"]


@click.command()
@click.argument("record", type=RECORD, metavar="RUN.json")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Folder; the record's own otherwise.")
def report(record: Path, out: Path | None) -> None:
    """Render the reports of a record again."""
    from ..report import PAGES, remove_stale, write_reports

    with usage_errors():
        read = read_record(record)
        folder = out or record.parent
        before = earlier_record(folder)
        if out is not None:
            claim_folder(out)
            # The pages name it, and a folder that holds it may be rendered into again.
            read.write(out / RECORD_NAME)
            unlock_folder(out)
        else:
            refuse_others(folder, PAGES)
        written = write_reports(read, folder)
        remove_stale(before, folder, written)
        for path in written:
            click.echo(path)

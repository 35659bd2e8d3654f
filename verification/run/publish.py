"""The folder that a run writes: the record, its pages and pictures."""

from __future__ import annotations

import json
from pathlib import Path

from ..drawing.journal import JOURNAL
from ..record.folder import RECORD_NAME, earlier_record, name_in_errors
from ..record.lock import unlock_folder
from ..record.record import Record

__all__ = ["publish"]


def publish(record: Record, out: Path) -> None:
    """Write a record and its reports into a folder, and remove what an earlier run left there.

    The answers of a run that is complete are removed, too: there is nothing to go on with. The folder's lock is given up.

    Args:
        record: The record.
        out: The folder.

    Raises:
        ImportError: A package of the extra ``report`` is missing.
        OSError: The folder cannot be written to.
        ValueError: The record breaks its schema.
    """
    from ..report import remove_stale, validate, write_reports

    record = _as_unicode(record)
    validate(record)
    with name_in_errors(out):
        before = earlier_record(out)
        record.write(out / RECORD_NAME)
        remove_stale(before, out, write_reports(record, out))
        if record.run.complete and not record.run.time_truncated:
            (out / JOURNAL).unlink(missing_ok=True)
        unlock_folder(out)


def _as_unicode(record: Record) -> Record:
    """Return the record with the bytes that Python holds in disguise read as UTF-8: names of files may be no Unicode."""
    text = record.to_json()
    if "\\udc" not in text:
        return record
    plain = json.dumps(json.loads(text), ensure_ascii=False)
    return Record.from_json(plain.encode("utf-8", "surrogateescape").decode("utf-8", "replace"))

"""The folder that a run writes to: claimed before the run, and read again by the next one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from .lock import lock_folder, unlock_folder
from .record import Record, write_atomically

__all__ = ["RECORD_NAME", "claim_folder", "earlier_record", "make_writable", "name_in_errors", "refuse_others"]

RECORD_NAME = "report.json"
"""The name of the record's file in the folder of a run."""


def claim_folder(folder: Path) -> None:
    """Make sure that a folder can be written to and holds nothing but an earlier report, and lock it for this process.

    Args:
        folder: The folder; it is made if it does not exist.

    Raises:
        ValueError: The folder holds other files, or another run uses it.
        OSError: The folder cannot be written to.
    """
    make_writable(folder)
    lock_folder(folder)
    names = [path.name for path in folder.iterdir() if not path.name.startswith(".")]
    if names and earlier_record(folder) is None:
        unlock_folder(folder)
        raise ValueError(
            f"folder {folder} holds {names[0]} and no report of gradverify; "
            "give an empty or new folder, or one of an earlier run"
        )


def refuse_others(folder: Path, names: Iterable[str]) -> None:
    """Raise `ValueError` if a folder holds one of some files that gradverify did not write.

    A page of gradverify says near its beginning that it is one.
    """
    for name in names:
        path = folder / name
        if path.exists() and not (path.is_file() and _is_ours(path)):
            raise ValueError(f"{path} was not written by gradverify and would be overwritten; give another folder with --out")


def _is_ours(path: Path) -> bool:
    with path.open("rb") as file:
        return b"gradverify" in file.read(4096)


def earlier_record(folder: Path) -> Record | None:
    """Return the record that a folder holds, or None if it holds none that can be read."""
    try:
        return Record.read(folder / RECORD_NAME)
    except (OSError, ValueError):
        return None


def make_writable(folder: Path) -> None:
    """Make a folder if it does not exist, and try to write to it: an error then comes before a run, not at its end.

    Args:
        folder: The folder.

    Raises:
        OSError: The folder cannot be written to; the error names it.
    """
    with name_in_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".writable"
        write_atomically(probe, "")
        probe.unlink()


@contextmanager
def name_in_errors(folder: Path) -> Iterator[None]:
    """Let errors of the file system name the user's folder.

    The error of a full disk names no file, and other errors name a temporary file that no one knows.
    """
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(folder)) from error

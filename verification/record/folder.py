"""The folder of a run: made before the run, and kept from being mixed with anything else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .record import Record, write_atomically

__all__ = ["claim_folder", "earlier_record", "make_writable", "naming_folder"]


def claim_folder(folder: Path) -> None:
    """Make sure that a folder may be written to, and holds nothing but an earlier report.

    Raises:
        ValueError: The folder holds something else.
        OSError: It cannot be written to.
    """
    make_writable(folder)
    holds = [path for path in folder.iterdir() if not path.name.startswith(".")]
    if holds:
        try:
            Record.read(folder / "report.json")
        except (OSError, ValueError) as error:
            raise ValueError(
                f"folder {folder} holds {holds[0].name} and no report of gradverify; "
                "give an empty or new folder, or one of an earlier run"
            ) from error


def earlier_record(folder: Path) -> Record | None:
    """Return the record that a folder holds, or None if it holds none that can be read."""
    try:
        return Record.read(folder / "report.json")
    except (OSError, ValueError):
        return None


def make_writable(folder: Path) -> None:
    """Make a folder where there is none, and try to write to it: before a run, not at its end.

    Raises:
        OSError: The folder cannot be written to.
    """
    with naming_folder(folder):
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".writable"
        write_atomically(probe, "")
        probe.unlink()


@contextmanager
def naming_folder(folder: Path) -> Iterator[None]:
    """Let errors of the file system name the user's folder: a full disk names nothing, or a temporary file.

    Raises:
        OSError: The error that was met, with the folder's name.
    """
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(folder)) from error

"""One run a folder: a lock on the folder itself, which names its owner and ends with it, however it ends."""

from __future__ import annotations

import os
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows: folders are not locked there
    fcntl = None  # type: ignore[assignment]

__all__ = ["lock_folder", "unlock_folder", "unlock_folders"]

_held: dict[Path, int] = {}


def lock_folder(folder: Path) -> None:
    """Lock a folder for this process until `unlock_folder`, or until the process ends; locking it twice is no error.

    Raises:
        ValueError: Another process holds the lock; the message names it.
        OSError: The folder cannot be opened.
    """
    place = folder.resolve()
    if fcntl is None or place in _held:
        return
    descriptor = os.open(place, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        owner = _find_owner(descriptor)
        os.close(descriptor)
        raise ValueError(f"folder {folder} is in use by {owner}; wait for its end, or give another folder") from None
    except OSError:  # a file system without locks
        os.close(descriptor)
        return
    _held[place] = descriptor


def unlock_folder(folder: Path) -> None:
    """Give up the lock of a folder; nothing happens if this process does not hold it."""
    descriptor = _held.pop(folder.resolve(), None)
    if descriptor is not None:
        os.close(descriptor)


def unlock_folders() -> None:
    """Give up all locks of this process."""
    for place in list(_held):
        unlock_folder(place)


def _find_owner(descriptor: int) -> str:
    """Return the process that holds the lock of an open folder, as Linux lists it."""
    found = os.fstat(descriptor)
    device = f"{os.major(found.st_dev):02x}:{os.minor(found.st_dev):02x}:{found.st_ino}"
    try:
        lines = Path("/proc/locks").read_text(encoding="ascii").splitlines()
    except OSError:
        lines = []
    # As in "1: FLOCK  ADVISORY  WRITE 4711 fe:00:1234 0 EOF".
    owners = [fields[4] for fields in map(str.split, lines) if len(fields) > 5 and fields[5] == device and fields[1] == "FLOCK"]
    return f"process {owners[0]}" if owners else "another process"

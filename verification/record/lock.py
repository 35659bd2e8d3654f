"""One run a folder: a lock that names its owner and ends with it, however it ends."""

from __future__ import annotations

import atexit
import os
import socket
from contextlib import suppress
from pathlib import Path
from typing import IO

try:
    import fcntl
except ImportError:  # Windows: folders are not locked there
    fcntl = None  # type: ignore[assignment]

__all__ = ["LOCK_NAME", "lock_folder", "unlock_folder"]

LOCK_NAME = ".lock"
"""The name of the lock's file in a folder; it is there while a run is."""

_held: dict[Path, IO[str]] = {}


def lock_folder(folder: Path) -> None:
    """Lock a folder for this process until `unlock_folder`, or until the process ends; locking it twice is no error.

    Raises:
        ValueError: Another process holds the lock; the message names it.
        OSError: The folder cannot be written to.
    """
    place = folder.resolve()
    if fcntl is None or place in _held:
        return
    path = place / LOCK_NAME
    while True:
        file = path.open("a+", encoding="utf-8")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            owner = file.read().strip() or "another process"
            file.close()
            raise ValueError(f"folder {folder} is in use by {owner}; wait for its end, or give another folder") from None
        except OSError:  # a file system without locks
            file.close()
            return
        # The owner before may have removed the file between its opening and its locking here.
        if path.exists() and os.path.samestat(os.fstat(file.fileno()), path.stat()):
            break
        file.close()
    file.truncate(0)
    file.write(f"process {os.getpid()} on {socket.gethostname()}\n")
    file.flush()
    _held[place] = file
    atexit.register(unlock_folder, place)


def unlock_folder(folder: Path) -> None:
    """Give up the lock of a folder; nothing happens if this process does not hold it."""
    file = _held.pop(folder.resolve(), None)
    if file is not None:
        with suppress(OSError):
            (folder / LOCK_NAME).unlink(missing_ok=True)
        file.close()

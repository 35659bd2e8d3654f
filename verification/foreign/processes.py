"""The way in which worker processes are started: afresh, with nothing of their parent, and with PyTorch imported already."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from multiprocessing.context import ForkServerContext, SpawnContext

__all__ = ["PROCESSES", "follow_parent", "forget_safe_path", "start_server"]

_WORKBENCH = f"{__name__.rpartition('.foreign.')[0]}.workbench"


def _find_context() -> ForkServerContext | SpawnContext:
    """Return the context of worker processes.

    On Linux a server that has imported PyTorch and this package, and has done nothing else, is copied for every worker. The
    import takes seconds and is made once; the server runs no tensor operation and no foreign code, so that a worker's copy is
    as new. Elsewhere every worker is spawned and imports for itself.
    """
    if sys.platform != "linux":
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["torch", _WORKBENCH])
    return context


PROCESSES = _find_context()
"""The context that workers are started in; a pipe or a queue for their messages must be made by it."""

_SAFE_PATH, _OURS = "PYTHONSAFEPATH", "gradverify"  # any value counts; this one says that it is not the user's


def start_server() -> None:
    """Start the server that copies workers, so that it imports its own modules and not those of the working directory.

    A new interpreter looks into the working directory first until it has taken over the path of its parent. A user's
    ``random.py`` there would end it.
    """
    if sys.platform != "linux":
        return
    from multiprocessing.forkserver import ensure_running

    added = os.environ.setdefault(_SAFE_PATH, _OURS) == _OURS
    try:
        ensure_running()
    finally:
        if added:
            forget_safe_path()


def forget_safe_path() -> None:
    """Take back what `start_server` added to the environment: what foreign code starts has the user's environment."""
    if os.environ.get(_SAFE_PATH) == _OURS:
        del os.environ[_SAFE_PATH]


_STOPPING = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT") if hasattr(signal, name))


def follow_parent() -> None:
    """Leave signals that stop a run to the parent of this process, and end this process when its parent has ended.

    A parent that was killed outright ends nobody, and its workers would go on for as long as their tasks take.
    """
    for number in _STOPPING:
        signal.signal(number, signal.SIG_IGN)
    threading.Thread(target=_end_after_parent, daemon=True).start()


def _end_after_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)

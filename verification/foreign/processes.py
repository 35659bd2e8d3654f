"""The way in which worker processes are started: afresh, with nothing of their parent, and with PyTorch imported already."""

from __future__ import annotations

import multiprocessing
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from multiprocessing.context import ForkServerContext, SpawnContext

__all__ = ["PROCESSES"]

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

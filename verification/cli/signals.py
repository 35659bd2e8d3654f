"""Signals that ask a command to stop: each ends it as Ctrl-C does, with what is finished written."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

__all__ = ["INTERRUPTED", "Stop", "stopping"]

INTERRUPTED = 128 + signal.SIGINT
"""The status of a command that Ctrl-C stopped."""

_SIGNALS = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP", "SIGQUIT") if hasattr(signal, name))


class Stop:
    """The first signal that asked for an end.

    Attributes:
        number: Its number; 0 if there was none.
    """

    def __init__(self) -> None:
        self.number = 0

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Raise `KeyboardInterrupt` for the first signal; a second one does not keep the command from writing."""
        if not self.number:
            self.number = number
            raise KeyboardInterrupt

    def status(self, status: Any) -> Any:
        """Return the status of the command: that of the signal for one that was interrupted."""
        return 128 + self.number if self.number and status == INTERRUPTED else status


@contextmanager
def stopping() -> Iterator[Stop]:
    """Take the signals that end a process as requests to stop, until the end of the block.

    A signal that is ignored stays ignored, as SIGHUP under ``nohup``; handlers of others are left alone.
    """
    stop, taken = Stop(), []
    if threading.current_thread() is threading.main_thread():
        taken = [number for number in _SIGNALS if signal.getsignal(number) == signal.SIG_DFL]
    for number in taken:
        signal.signal(number, stop)
    try:
        yield stop
    finally:
        for number in taken:
            signal.signal(number, signal.SIG_DFL)

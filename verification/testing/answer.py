"""Report a user's mistake without this package's traceback."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import TypeVar

__all__ = ["answer"]

_T = TypeVar("_T")
_PACKAGE = __name__.partition(".")[0]


def answer(question: Callable[[], _T]) -> _T:
    """Return the result of a call, and let a user's mistake show without this package's frames.

    A name that means nothing, an option out of range or a program that breaks its contract is the asker's to mend: a traceback
    through this package would say less than the message. What foreign code raised keeps its own frames, as the cause.

    Raises:
        ValueError: As the question raised it, its traceback from here on. Any other error passes as it is.

    Example:
        >>> answer(lambda: 1)
        1
    """
    __tracebackhide__ = True
    try:
        return question()
    except ValueError as error:
        if _foreign(error.__traceback__, last=True) is not None:
            raise
        cause = error.__cause__
        seen = _foreign(cause.__traceback__) if cause is not None else None
        raise error.with_traceback(None) from (cause.with_traceback(seen) if cause is not None and seen is not None else None)


def _foreign(trace: TracebackType | None, *, last: bool = False) -> TracebackType | None:
    """Return the traceback from the first frame outside this package (or of the last frame, if that is outside), else None."""
    while trace is not None:
        outside = trace.tb_frame.f_globals.get("__name__", "").partition(".")[0] != _PACKAGE
        if outside and (trace.tb_next is None or not last):
            return trace
        trace = trace.tb_next
    return None

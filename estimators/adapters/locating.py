"""The place in foreign code at which an exception arose, for messages that open with it."""

from __future__ import annotations

import traceback
from pathlib import Path

__all__ = ["describe_error", "is_own", "locate_error"]

_OURS = tuple(str(Path(__file__).parents[2] / package) for package in ("estimators", "verification"))
_LIBRARIES = ("site-packages", "dist-packages", "<frozen", "<string>")
_INVITATION = "(Could this error message be improved?"  # PyTorch invites its users to write to its own authors
_MOST = 240


def describe_error(error: BaseException) -> str:
    """Describe an exception with the file and the line of the last call that the user's own code made.

    Example:
        >>> describe_error(KeyError("log_prob"))
        "KeyError: 'log_prob'"
    """
    try:
        message = str(error).partition(_INVITATION)[0].rstrip()
    except Exception as second:  # foreign errors may raise while they make their message
        message = f"(its message raised {type(second).__name__})"
    place = locate_error(error)
    return f"{type(error).__name__}{place and f' at {place}'}: {message}"[:_MOST]


def locate_error(error: BaseException) -> str:
    """Return the file and the line of the last call that the user's own code made; empty if it made none."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if _is_users(frame.filename)]
    return f"{Path(frames[-1].filename).name}, line {frames[-1].lineno}" if frames else ""


def is_own(error: BaseException) -> bool:
    """Return True if this package raised an exception itself, and no code that it called."""
    frames = traceback.extract_tb(error.__traceback__)
    return bool(frames) and frames[-1].filename.startswith(_OURS)


def _is_users(filename: str) -> bool:
    """Return True if a file is neither this package's nor a library's."""
    return not filename.startswith(_OURS) and not any(word in filename for word in _LIBRARIES)

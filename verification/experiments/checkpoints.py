"""Checkpoints: one file for each finished job, so that an interrupted study can continue."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

from ..record.record import write_atomically

__all__ = ["read_checkpoint", "write_checkpoint"]


def write_checkpoint(path: Path, data: Any) -> None:
    """Write a checkpoint, whole or not at all; if that fails, warn and go on without it.

    Args:
        path: The file; missing folders are created.
        data: Plain values for JSON.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, json.dumps(data))
    except OSError as error:
        warnings.warn(
            f"{path} was not written ({error.strerror or error}); --resume will run this job again",
            RuntimeWarning,
            stacklevel=2,
        )


def read_checkpoint(path: Path) -> dict[str, Any] | None:
    """Return the content of a checkpoint; None if there is none or it cannot be read."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return data if isinstance(data, dict) else None

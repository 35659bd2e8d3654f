"""Checkpoints: what became of a job, one file each, so that a study that was ended goes on where it was."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

from ..record.record import write_atomically

__all__ = ["read_checkpoint", "write_checkpoint"]


def write_checkpoint(path: Path, data: Any) -> None:
    """Write a checkpoint, whole or not at all; a disk that is full costs the checkpoint, and not the study.

    Args:
        path: Its file; folders are made.
        data: Plain values for JSON.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, json.dumps(data))
    except OSError as error:
        warnings.warn(
            f"{path} is not kept ({error.strerror or error}); --resume will do it again", RuntimeWarning, stacklevel=2
        )


def read_checkpoint(path: Path) -> dict[str, Any] | None:
    """What a checkpoint holds; None where there is none, or none that can be read."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return data if isinstance(data, dict) else None

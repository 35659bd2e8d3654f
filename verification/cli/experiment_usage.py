"""Demands of every experiment before it spends its first minute."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ..record.folder import claim_folder, make_writable

__all__ = ["checkpoint_folder", "insist"]


def checkpoint_folder(out: Path | None, resume: bool) -> Path | None:
    """Return the folder of an experiment's checkpoints, beside its report.

    A folder that holds checkpoints and no report is an experiment that was killed, which only ``--resume`` may enter.

    Raises:
        ValueError: There is nothing to go on with, or the folder is somebody else's.
        OSError: The folder cannot be written to.
    """
    if out is None:
        if resume:
            raise ValueError("--resume needs --out, the folder of the run to go on with")
        return None
    checkpoints = out / "checkpoints"
    begun = checkpoints.is_dir()
    if resume and begun:
        make_writable(out)
        return checkpoints
    try:
        claim_folder(out)
    except ValueError as error:
        raise ValueError(f"{error}{'; --resume goes on with what was stopped' if begun else ''}") from error
    return checkpoints


def insist(estimators: Iterable[str], device: str) -> None:
    """Make sure of every estimator by its name, and of the device.

    Raises:
        ValueError: One of them is not there.
        ImportError: An estimator's module is not there.
    """
    import torch

    from ...estimators.registry import load_estimator

    for name in dict.fromkeys(estimators):
        load_estimator(name)
    if device == "cuda" and not torch.cuda.is_available():
        raise ValueError("--device cuda: PyTorch finds no CUDA device here; leave the option out to run on the CPU")

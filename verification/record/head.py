"""The head of a record: what was asked, with which versions, and what it took."""

from __future__ import annotations

import platform
import resource
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from .record import Run

if TYPE_CHECKING:
    import torch

__all__ = ["run_head", "versions"]

_COMPILERS = ("numba", "triton")


def run_head(
    *,
    command: str,
    profile: str,
    seed: int,
    device: str,
    dtypes: Iterable[torch.dtype],
    alpha: float,
    tolerance: float,
    timing: dict[str, Any],
) -> Run:
    """The head of a complete run.

    Args:
        command: How the run was asked for.
        profile: Its profile, or whatever names its size.
        seed: Entropy.
        device: ``cpu`` or ``cuda``.
        dtypes: Floating types that were computed in.
        alpha: Chance of a false accusation over the whole run.
        tolerance: Largest relative bias accepted as none.
        timing: ``started`` (seconds since 1970) and ``seconds``; the peak memory in bytes is added.
    """
    return Run(
        command=command,
        profile=profile,
        seed=seed,
        device=device,
        dtype=", ".join(sorted({str(each).removeprefix("torch.") for each in dtypes})),
        alpha=alpha,
        tolerance=tolerance,
        complete=True,
        versions=versions(),
        timing={**timing, "peak_bytes": _peak_bytes()},
    )


def versions() -> dict[str, str]:
    """The versions that numbers may depend on; of the compilers those that are installed."""
    found = {"python": platform.python_version()}
    for package in ("gradverify", "torch", "numpy", "scipy", *_COMPILERS):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            if package not in _COMPILERS:
                found[package] = "unknown"
    return found


def _peak_bytes() -> int:
    """Peak memory of this process and of its largest worker, in bytes."""
    kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    unit = 1 if platform.system() == "Darwin" else 1024
    return max(resource.getrusage(kind).ru_maxrss for kind in kinds) * unit

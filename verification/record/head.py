"""The head of a record: the request, the versions, and the cost of the run."""

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
    """Return the head of a complete run.

    Args:
        command: The command line that asked for the run.
        profile: The profile, or another name of the run's size.
        seed: The seed of the run.
        device: ``cpu`` or ``cuda``.
        dtypes: The floating types of the computation.
        alpha: The probability of a false accusation over the whole run.
        tolerance: The largest relative bias that is accepted as none.
        timing: ``started`` (seconds since 1970) and ``seconds``; the peak memory in bytes is added.
    """
    return Run(
        command=command,
        profile=profile,
        seed=seed,
        device=device,
        dtype=", ".join(sorted({str(dtype).removeprefix("torch.") for dtype in dtypes})),
        alpha=alpha,
        tolerance=tolerance,
        complete=True,
        versions=versions(),
        timing={**timing, "peak_bytes": _peak_bytes()},
    )


def versions() -> dict[str, str]:
    """Return the versions on which numbers may depend; of the compilers, only those that are installed."""
    installed = {"python": platform.python_version()}
    for package in ("gradverify", "torch", "numpy", "scipy", *_COMPILERS):
        try:
            installed[package] = version(package)
        except PackageNotFoundError:
            if package not in _COMPILERS:
                installed[package] = "unknown"
    return installed


def _peak_bytes() -> int:
    """Return the peak memory of this process or of its largest worker, in bytes."""
    kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    unit = 1 if platform.system() == "Darwin" else 1024
    return max(resource.getrusage(kind).ru_maxrss for kind in kinds) * unit

"""The result of one job, and its checkpoint."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..checkpoints import read_checkpoint, write_checkpoint
from .accuracy import Accuracy
from .design import Job
from .fit import FigureName

__all__ = ["JobResult", "load", "save"]

Array = NDArray[np.float64]

Status = Literal["descended", "no gradient", "not applicable", "not finite", "crashed"]


@dataclass(frozen=True, eq=False, kw_only=True)
class JobResult:
    """The result of all starts and seeds of one estimator, split and loss.

    Attributes:
        job: The job.
        status: ``descended``; ``no gradient``, ``not applicable`` or ``crashed`` if nothing could move theta; ``not finite`` if
            theta became NaN or infinite.
        note: The reason, if there was no descent.
        theta: The values of theta over the iterations, ``[iterations + 1, starts, seeds]``.
        figures: The figures of the last theta, see `Fit`; ``[starts, seeds]`` each.
        mean: The mean position, ``[101, starts, seeds]``.
        ratio: The variance ratio, ``[100, starts, seeds]``.
        long_mean: The mean position over 1,000 steps, ``[51, starts, seeds]``.
        accuracy: The measured gradients at every start and at theta*.
        seconds: The wall-clock seconds of all descents together.
        cpu_seconds: The processor seconds of the descents in this process.
    """

    job: Job
    status: Status
    theta: Array
    figures: Mapping[FigureName, Array]
    mean: Array
    ratio: Array
    long_mean: Array
    accuracy: tuple[Accuracy, ...] = ()
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    note: str = ""


def save(result: JobResult, path: Path) -> None:
    """Write a checkpoint; see `write_checkpoint`."""
    write_checkpoint(path, {name: _plain(getattr(result, name)) for name in JobResult.__dataclass_fields__})


def load(path: Path) -> JobResult | None:
    """Read a checkpoint; None if there is none or it cannot be read."""
    data = read_checkpoint(path)
    if data is None:
        return None
    try:
        return JobResult(
            **{
                **data,
                "job": Job(**data["job"]),
                "figures": {name: np.array(each) for name, each in data["figures"].items()},
                "accuracy": tuple(Accuracy(**each) for each in data["accuracy"]),
                **{name: np.array(data[name]) for name in ("theta", "mean", "ratio", "long_mean")},
            }
        )
    except (ValueError, TypeError, KeyError):
        return None


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, Mapping):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    return asdict(value) if hasattr(value, "__dataclass_fields__") else value

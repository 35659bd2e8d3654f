"""What one job found, and its checkpoint."""

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
    """All starts and seeds of one estimator, split and loss.

    Attributes:
        job: Which.
        status: ``descended``; ``no gradient``, ``not applicable`` or ``crashed`` where nothing could move theta;
            ``not finite`` where it became NaN or infinite.
        note: Why, where there was no descent.
        theta: Over the iterations, ``[iterations + 1, starts, seeds]``.
        figures: Of the last theta, see `Fit`; ``[starts, seeds]`` each.
        mean: ``[101, starts, seeds]``.
        ratio: ``[100, starts, seeds]``.
        long_mean: ``[51, starts, seeds]``.
        accuracy: At every start and at theta*.
        seconds: Wall clock of the descents, all together.
        cpu_seconds: Processor time of the same, this process alone.
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
    """Write a checkpoint; see `keep`."""
    write_checkpoint(path, {name: _plain(getattr(result, name)) for name in JobResult.__dataclass_fields__})


def load(path: Path) -> JobResult | None:
    """Read a checkpoint; None where there is none, or none that can be read."""
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

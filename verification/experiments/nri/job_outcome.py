"""The outcome of a job, and its checkpoint."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from ..checkpoints import read_checkpoint, write_checkpoint
from .metrics import Scores
from .training import Point, Trained
from .training_plan import Job, Plan

__all__ = ["JobStatus", "Outcome", "outcome_files", "read_outcomes", "write_outcome"]

JobStatus = Literal["ok", "no gradient", "not applicable", "diverged", "crashed"]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """The outcome of a job.

    Attributes:
        job: The job.
        trained: The model's curve and scores; None if it could not be trained.
        status: ``ok``, ``no gradient``, ``not applicable``, ``diverged`` or ``crashed``.
        note: The reason for a failure, in one sentence.
    """

    job: Job
    trained: Trained | None
    status: JobStatus = "ok"
    note: str = ""


def outcome_files(folder: Path, plan: Plan, device: str) -> dict[Job, Path]:
    """Return the checkpoint file of each job; its name changes with the settings, device and estimator's code."""
    return {
        each: folder / f"{each.arm.encoder}-{each.arm.decoder}-{each.seed}-{plan.identity(each, device)}.json"
        for each in plan.jobs
    }


def write_outcome(path: Path, outcome: Outcome) -> None:
    """Write an outcome to its checkpoint; a crash is not written, so that it is tried again."""
    if outcome.status == "crashed":
        return
    data = asdict(outcome)
    del data["job"]
    write_checkpoint(path, data)


def read_outcomes(files: Mapping[Job, Path]) -> dict[Job, Outcome]:
    """Return the outcomes that these files hold; a file that cannot be read is skipped."""
    found = {}
    for job, path in files.items():
        data = read_checkpoint(path)
        try:
            if data is not None:
                found[job] = Outcome(job=job, trained=_read_trained(data["trained"]), status=data["status"], note=data["note"])
        except (ValueError, KeyError, TypeError):
            continue
    return found


def _read_trained(data: Mapping[str, Any] | None) -> Trained | None:
    if data is None:
        return None
    curve = tuple(Point(**{**each, "scores": Scores(**each["scores"])}) for each in data["curve"])
    return Trained(**{**data, "curve": curve, "test": Scores(**data["test"]), "errors": tuple(data["errors"])})

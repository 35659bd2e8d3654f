"""From a plan to a record."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import torch

from ...record.head import run_head
from ...record.record import Cell, Record
from ..crashed import crashed_cell
from ..spread import CONFIDENCE
from .job_outcome import Outcome
from .nri_statements import COLLAPSED
from .nri_study import nri_study
from .training_plan import Plan
from .training_session import Progress, run_plan

__all__ = ["nri_record"]


def nri_record(
    plan: Plan,
    *,
    command: str,
    cache: Path,
    checkpoints: Path | None = None,
    resume: bool = False,
    device: str = "cpu",
    workers: int = 0,
    progress: Progress | None = None,
) -> Record:
    """Run a study and return its record; after Ctrl-C it holds the finished jobs and is marked incomplete.

    Crashed jobs are cells of the record, and the exit status follows from them.

    Args:
        plan: The study.
        command: The command that asked for the study.
        cache: The folder of the simulated data.
        checkpoints: The folder of the checkpoints; None writes none.
        resume: Whether existing checkpoints are used.
        device: ``cpu`` or ``cuda``.
        workers: The number of processes to spawn; 0 spawns none.
        progress: A function called after every epoch.
    """
    started, clock = time.time(), time.perf_counter()
    outcomes, complete = run_plan(
        plan, cache=cache, checkpoints=checkpoints, resume=resume, device=device, workers=workers, progress=progress
    )
    study = nri_study(plan, outcomes)
    head = run_head(
        command=command,
        profile=plan.size,
        seed=plan.data.seed,
        device=device,
        dtypes=[torch.float32],
        alpha=round(1 - CONFIDENCE, 6),
        tolerance=COLLAPSED,
        timing={"started": started, "seconds": time.perf_counter() - clock},
    )
    return Record(run=replace(head, complete=complete), cells=tuple(_crashed_cells(plan, outcomes)), studies=(study,))


def _crashed_cells(plan: Plan, outcomes: Sequence[Outcome]) -> Iterator[Cell]:
    for job, note in ((each.job, each.note) for each in outcomes if each.status == "crashed"):
        networks = f"{plan.data.simulator}-{job.arm.encoder}-{job.arm.decoder}"
        problem = f"relational_inference/{networks}/{job.arm.steps}-steps/seed-{job.seed}"
        yield crashed_cell(job.arm.estimator, problem, note)

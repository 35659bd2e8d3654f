"""All jobs of a design, in processes, each finished one kept on disk."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ..processes import Tell, run_in_processes, use_one_thread
from .calibration_job import crashed_result, perform
from .design import Design, Job, jobs
from .job_result import JobResult, load, save

__all__ = ["Outcome", "Progress", "run_jobs"]

Progress = Callable[[int, int, str], None]
"""Told how many jobs are done, of how many, and the name of the last."""


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a session came to.

    Attributes:
        results: Of the jobs that are done, in the order of the design.
        complete: Whether that is all of them.
    """

    results: tuple[JobResult, ...]
    complete: bool


def run_jobs(
    design: Design, *, workers: int = 0, folder: Path | None = None, resume: bool = False, progress: Progress | None = None
) -> Outcome:
    """Run every job of a design; Ctrl-C ends with what is done.

    A job's result depends on the design and its own name alone, not on the other jobs, the workers or an interruption.

    Args:
        design: What is compared.
        workers: Processes to spawn; 0 does everything in this one.
        folder: Where each finished job's checkpoint goes, unless it crashed; None keeps none.
        resume: Whether checkpoints that are there already are used.
        progress: Told of every job that is done.
    """
    tell = progress or (lambda done, total, name: None)
    wanted = jobs(design)
    # Named before anything runs: an estimator's file may be edited while it does.
    places = {} if folder is None else {job: folder / f"{job.key(design)}.json" for job in wanted}
    found = {job: kept for job, place in places.items() if resume and (kept := load(place))}
    complete = True
    try:
        for result in _perform_all([job for job in wanted if job not in found], design, workers):
            found[result.job] = result
            if result.job in places and result.status != "crashed":
                save(result, places[result.job])
            tell(len(found), len(wanted), result.job.name)
    except KeyboardInterrupt:
        complete = False
    return Outcome(tuple(found[job] for job in wanted if job in found), complete)


def _perform_all(wanted: list[Job], design: Design, workers: int) -> Iterator[JobResult]:
    """Results as they are ready."""
    if workers == 0:
        with use_one_thread():
            yield from (perform(job, design) for job in wanted)
        return
    for job, result in run_in_processes(partial(_work, design), wanted, workers):
        yield crashed_result(job, design) if result is None else result


def _work(design: Design, job: Job, tell: Tell) -> JobResult:
    return perform(job, design)

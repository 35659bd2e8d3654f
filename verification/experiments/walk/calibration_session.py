"""The jobs of a design, run in processes, each with a checkpoint when it ends."""

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
"""A function called with (jobs done, jobs in all, the name of the last job)."""


@dataclass(frozen=True, eq=False)
class Outcome:
    """The outcome of a session.

    Attributes:
        results: The results of the finished jobs, in the order of the design.
        complete: True if all jobs are finished.
    """

    results: tuple[JobResult, ...]
    complete: bool


def run_jobs(
    design: Design, *, workers: int = 0, folder: Path | None = None, resume: bool = False, progress: Progress | None = None
) -> Outcome:
    """Run every job of a design; after Ctrl-C return the finished ones.

    A job's result depends only on the design and the job's name, not on other jobs, workers or interruptions.

    Args:
        design: The design.
        workers: The number of processes to spawn; 0 runs everything in this one.
        folder: The folder of the checkpoints of finished jobs that did not crash; None writes none.
        resume: Whether existing checkpoints are used.
        progress: A function called after every finished job.
    """
    tell = progress or (lambda done, total, name: None)
    wanted = jobs(design)
    # The files are named before anything runs, because an estimator's code may be edited in the meantime.
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
    """Yield results as jobs end."""
    if workers == 0:
        with use_one_thread():
            yield from (perform(job, design) for job in wanted)
        return
    for job, result in run_in_processes(partial(_work, design), wanted, workers):
        yield crashed_result(job, design) if result is None else result


def _work(design: Design, job: Job, tell: Tell) -> JobResult:
    return perform(job, design)

"""The loop of a study: its jobs, the processes that run them, and the checkpoints."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache, partial
from pathlib import Path

from ....estimators.protocol import NoGradientPathError, NotApplicableError
from ..crashed import DIED
from ..processes import Tell, run_in_processes, use_one_thread
from .dataset import Dataset, DataSpec, load_dataset
from .job_outcome import JobStatus, Outcome, outcome_files, read_outcomes, write_outcome
from .training import train
from .training_plan import Job, Plan

__all__ = ["Progress", "run_plan"]

Progress = Callable[[int, int, str], None]
"""A function called with (steps made, steps in all, what is being trained)."""

_STATUS_OF_ERROR: dict[type[Exception], JobStatus] = {
    NoGradientPathError: "no gradient",
    NotApplicableError: "not applicable",
    FloatingPointError: "diverged",
}
"""The status that an exception implies; any other exception is a crash."""


def run_plan(
    plan: Plan,
    *,
    cache: Path,
    checkpoints: Path | None = None,
    resume: bool = False,
    device: str = "cpu",
    workers: int = 0,
    progress: Progress | None = None,
) -> tuple[list[Outcome], bool]:
    """Train every model of a plan.

    Args:
        plan: The study.
        cache: The folder of the simulated data.
        checkpoints: The folder to which each outcome is written when its job ends, unless it crashed; None writes none.
        resume: Whether the outcomes that this folder already holds are used.
        device: ``cpu`` or ``cuda``.
        workers: The number of processes to spawn; 0 trains in this one. Only the seconds depend on it.
        progress: A function called after every epoch.

    Returns:
        The outcomes in the order of the plan, and True if all jobs have ended; after Ctrl-C only some may have.
    """
    # The files are named before anything runs, because an estimator's code may be edited in the meantime.
    files = {} if checkpoints is None else outcome_files(checkpoints, plan, device)
    done = read_outcomes(files) if resume else {}
    left = [each for each in plan.jobs if each not in done]
    count = _Count(progress or (lambda done, total, name: None), plan.jobs, done)
    try:
        if left:
            count.say("simulating")
            _data(plan.data, cache)  # else every worker would simulate its own
            for outcome in _outcomes(plan, left, cache, device, workers, count):
                done[outcome.job] = outcome
                count.note_end(outcome.job)
                if outcome.job in files:
                    write_outcome(files[outcome.job], outcome)
    except KeyboardInterrupt:
        pass  # finished jobs have checkpoints, from which --resume continues
    return [done[each] for each in plan.jobs if each in done], len(done) == len(plan.jobs)


class _Count:
    """The number of steps made in all processes; a dead process may lose messages, but outcomes correct the count."""

    def __init__(self, tell: Progress, jobs: Iterable[Job], done: Iterable[Job]) -> None:
        self._tell, self._made = tell, dict.fromkeys(jobs, 0)
        self._made |= {each: each.arm.steps for each in done}

    def add(self, job: Job, steps: int) -> None:
        """Count further steps of a job."""
        self._made[job] = min(self._made[job] + steps, job.arm.steps)  # a job whose worker died starts again
        self.say(_label(job))

    def note_end(self, job: Job) -> None:
        """Count all steps of a job that has ended."""
        self._made[job] = job.arm.steps
        self.say(_label(job))

    def say(self, name: str) -> None:
        """Report the steps made and the steps in all."""
        self._tell(sum(self._made.values()), sum(each.arm.steps for each in self._made), name)


def _outcomes(plan: Plan, jobs: list[Job], cache: Path, device: str, workers: int, count: _Count) -> Iterator[Outcome]:
    """Yield the outcome of each job as it ends."""
    if workers == 0:
        with use_one_thread():
            yield from (_work(plan, cache, device, job, lambda made: count.add(*made)) for job in jobs)
        return
    for job, outcome in run_in_processes(
        partial(_work, plan, cache, device), jobs, workers, listen=lambda made: count.add(*made)
    ):
        yield outcome or Outcome(job=job, trained=None, status="crashed", note=DIED)


def _work(plan: Plan, cache: Path, device: str, job: Job, tell: Tell) -> Outcome:
    return _outcome(plan, job, _data(plan.data, cache), device, lambda steps: tell((job, steps)))


@lru_cache(maxsize=1)
def _data(spec: DataSpec, cache: Path) -> Dataset:
    """Read the data once per process."""
    return load_dataset(spec, cache)


def _outcome(plan: Plan, job: Job, data: Dataset, device: str, progress: Callable[[int], None]) -> Outcome:
    """Train a model; an estimator's own refusal is an outcome, and so is a crash of foreign code."""
    try:
        trained = train(job.arm, plan.training, data, job.seed, device=device, progress=progress)
    except (Exception, SystemExit) as error:
        status: JobStatus = next((status for kind, status in _STATUS_OF_ERROR.items() if isinstance(error, kind)), "crashed")
        note = f"{error}" if status != "crashed" else f"{type(error).__name__}: {error}"
        return Outcome(job=job, trained=None, status=status, note=note[:300])
    return Outcome(job=job, trained=trained)


def _label(job: Job) -> str:
    return f"{job.arm.estimator}, {job.arm.encoder}/{job.arm.decoder}, seed {job.seed}"

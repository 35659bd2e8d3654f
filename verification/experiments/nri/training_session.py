"""The loop of a study: jobs, the processes that do them, and what is kept as each of them ends."""

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
"""Told (steps made, steps in all, what is being trained)."""

_SAID: dict[type[Exception], JobStatus] = {
    NoGradientPathError: "no gradient",
    NotApplicableError: "not applicable",
    FloatingPointError: "diverged",
}
"""What an error says of an estimator; any other is a crash."""


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
    """Train everything that a plan holds.

    Args:
        plan: The study.
        cache: Folder of the simulated data.
        checkpoints: Folder to keep each outcome in as its job ends, unless it crashed; None keeps none.
        resume: Take the outcomes that this folder already holds.
        device: ``cpu`` or ``cuda``.
        workers: Processes to spawn; 0 trains in this one. The outcomes do not depend on it, their seconds do.
        progress: Told of every epoch.

    Returns:
        The outcomes in the order of the plan, and whether all are there: after Ctrl-C those of the jobs that had ended.
    """
    # Named before anything runs: an estimator's file may be edited while it does.
    files = {} if checkpoints is None else outcome_files(checkpoints, plan, device)
    done = read_outcomes(files) if resume else {}
    left = [each for each in plan.jobs if each not in done]
    count = _Count(progress or (lambda done, total, name: None), plan.jobs, done)
    try:
        if left:
            count.say("simulating")
            _data(plan.data, cache)  # before the workers, which would each simulate their own
            for outcome in _outcomes(plan, left, cache, device, workers, count):
                done[outcome.job] = outcome
                count.ended(outcome.job)
                if outcome.job in files:
                    write_outcome(files[outcome.job], outcome)
    except KeyboardInterrupt:
        pass  # what is finished is kept, and --resume goes on from there
    return [done[each] for each in plan.jobs if each in done], len(done) == len(plan.jobs)


class _Count:
    """Steps made, over all processes; what a process tells may be lost with it, what it did is known from its outcome."""

    def __init__(self, tell: Progress, jobs: Iterable[Job], done: Iterable[Job]) -> None:
        self._tell, self._made = tell, dict.fromkeys(jobs, 0)
        self._made |= {each: each.arm.steps for each in done}

    def add(self, job: Job, steps: int) -> None:
        """Some steps more."""
        self._made[job] = min(self._made[job] + steps, job.arm.steps)  # one whose worker died begins anew
        self.say(_label(job))

    def ended(self, job: Job) -> None:
        """All its steps, or none more."""
        self._made[job] = job.arm.steps
        self.say(_label(job))

    def say(self, name: str) -> None:
        """How many, of how many."""
        self._tell(sum(self._made.values()), sum(each.arm.steps for each in self._made), name)


def _outcomes(plan: Plan, jobs: list[Job], cache: Path, device: str, workers: int, count: _Count) -> Iterator[Outcome]:
    """The jobs' outcomes, each as its job ends."""
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
    """The data, read once a process."""
    return load_dataset(spec, cache)


def _outcome(plan: Plan, job: Job, data: Dataset, device: str, progress: Callable[[int], None]) -> Outcome:
    """Train; what an estimator says of itself is an outcome, and so is a crash of one that is not ours."""
    try:
        trained = train(job.arm, plan.training, data, job.seed, device=device, progress=progress)
    except (Exception, SystemExit) as error:
        status: JobStatus = next((said for kind, said in _SAID.items() if isinstance(error, kind)), "crashed")
        note = f"{error}" if status != "crashed" else f"{type(error).__name__}: {error}"
        return Outcome(job=job, trained=None, status=status, note=note[:300])
    return Outcome(job=job, trained=trained)


def _label(job: Job) -> str:
    return f"{job.arm.estimator}, {job.arm.encoder}/{job.arm.decoder}, seed {job.seed}"

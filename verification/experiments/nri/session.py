"""The loop of a study: jobs, the processes that do them, and what is kept as each of them ends."""

from __future__ import annotations

import multiprocessing
import queue
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import torch

from ....estimators.protocol import NoGradientPathError, NotApplicableError
from .checkpoints import Outcome, checkpoint_files, read_checkpoints, write_checkpoint
from .dataset import Dataset, DataSpec, load_dataset
from .plan import Job, Plan
from .training import train

__all__ = ["Progress", "run_plan"]

Progress = Callable[[int, int, str], None]
"""Told (steps made, steps in all, what is being trained)."""

_SAID = {NoGradientPathError: "no gradient", NotApplicableError: "not applicable", FloatingPointError: "diverged"}
"""What an error says of an estimator; any other is a crash."""

_DRAIN = 0.5  # seconds between two looks at what the workers told


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
        The outcomes in the order of the plan, and whether all are there: after Ctrl-C, or when a worker was killed, those of
        the jobs that had ended.
    """
    tell = progress or (lambda done, total, name: None)
    # Named before anything runs: an estimator's file may be edited while it does.
    files = {} if checkpoints is None else checkpoint_files(checkpoints, plan, device)
    done = read_checkpoints(files) if resume else {}
    left = [each for each in plan.jobs if each not in done]
    count = _Count(tell, sum(each.arm.steps for each in plan.jobs), sum(each.arm.steps for each in done))
    try:
        if left:
            count.add(0, "simulating")
            data = load_dataset(plan.data, cache)
            for outcome in _outcomes(plan, left, data, cache, device, workers, count):
                done[outcome.job] = outcome
                if outcome.job in files:
                    write_checkpoint(files[outcome.job], outcome)
    except (KeyboardInterrupt, BrokenProcessPool):
        pass  # what is finished is kept, and --resume goes on from there
    return [done[each] for each in plan.jobs if each in done], len(done) == len(plan.jobs)


class _Count:
    """Steps made, over all processes."""

    def __init__(self, tell: Progress, total: int, made: int) -> None:
        self._tell, self._total, self._made = tell, total, made

    def add(self, steps: int, name: str) -> None:
        """Some steps more."""
        self._made += steps
        self._tell(self._made, self._total, name)


def _outcomes(
    plan: Plan, jobs: list[Job], data: Dataset, cache: Path, device: str, workers: int, count: _Count
) -> Iterator[Outcome]:
    """The jobs' outcomes, each as its job ends."""
    if workers == 0:
        for job in jobs:
            yield _outcome(plan, job, data, device, lambda steps, job=job: count.add(steps, _label(job)))  # type: ignore[misc]
        return
    context = multiprocessing.get_context("spawn")
    told: Any = context.Queue()
    with ProcessPoolExecutor(min(workers, len(jobs)), context, initializer=_enter, initargs=(plan.data, cache, told)) as pool:
        try:
            flying = {pool.submit(_work, plan, job, device) for job in jobs}
            while flying:
                ended, flying = wait(flying, timeout=_DRAIN, return_when=FIRST_COMPLETED)
                _drain(told, count)
                yield from (each.result() for each in ended)
        except BaseException:
            _end(pool)
            raise


def _end(pool: ProcessPoolExecutor) -> None:
    """Stop at once: what waits is forgotten, and a model half trained is worth nothing."""
    workers = list((pool._processes or {}).values())
    pool.shutdown(wait=False, cancel_futures=True)
    for each in workers:
        each.terminate()


def _drain(told: Any, count: _Count) -> None:
    while True:
        try:
            steps, name = told.get_nowait()
        except queue.Empty:
            return
        count.add(steps, name)


_DATA: Dataset
_TOLD: Any


def _enter(spec: DataSpec, cache: Path, told: Any) -> None:
    """Prepare a worker: one thread, Ctrl-C left to the parent, the data from the cache."""
    global _DATA, _TOLD
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(1)
    _DATA, _TOLD = load_dataset(spec, cache), told


def _work(plan: Plan, job: Job, device: str) -> Outcome:
    return _outcome(plan, job, _DATA, device, lambda steps: _TOLD.put((steps, _label(job))))


def _outcome(plan: Plan, job: Job, data: Dataset, device: str, told: Callable[[int], None]) -> Outcome:
    """Train; what an estimator says of itself is an outcome, and so is a crash of one that is not ours."""
    try:
        trained = train(job.arm, plan.training, data, job.seed, device=device, told=told)
    except Exception as error:
        status = next((said for kind, said in _SAID.items() if isinstance(error, kind)), "crashed")
        note = f"{error}" if status != "crashed" else f"{type(error).__name__}: {error}"
        return Outcome(job=job, trained=None, status=status, note=note[:300])
    return Outcome(job=job, trained=trained)


def _label(job: Job) -> str:
    return f"{job.arm.estimator}, {job.arm.encoder}/{job.arm.decoder}, seed {job.seed}"

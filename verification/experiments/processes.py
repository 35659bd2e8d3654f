"""Jobs in worker processes: results arrive as jobs end, and a worker that dies costs only its own job."""

from __future__ import annotations

import queue
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import Any, TypeVar

import torch

from ..drawing.pools import open_pool
from ..foreign.processes import PROCESSES

__all__ = ["Tell", "run_in_processes", "use_one_thread"]

Job = TypeVar("Job")
Result = TypeVar("Result")

Tell = Callable[[Any], None]
"""A function that sends a message to the parent process."""

_LOOK = 0.5  # seconds between two looks at the workers' messages


def run_in_processes(
    work: Callable[[Job, Tell], Result], jobs: Sequence[Job], workers: int, *, listen: Tell | None = None
) -> Iterator[tuple[Job, Result | None]]:
    """Yield every job with its result as it ends; None for a job whose worker died although it ran alone.

    When a worker dies, each job in flight runs again alone. This finds the job that kills its worker, and a worker that was
    killed from outside costs only time. The workers end when the loop is left for whatever reason, or when this process dies.

    Args:
        work: A function of a job and a `Tell`; importable, and so are its arguments.
        jobs: The jobs.
        workers: The number of processes to spawn, at least 1.
        listen: A function that receives the messages of a job before its result.

    Raises:
        Exception: Any exception that `work` raised.
    """
    waiting = deque(jobs)
    while waiting:
        flying: dict[Future[Result], Job] = {}
        try:
            yield from _run_together(work, waiting, flying, min(workers, len(waiting)), listen or _ignore)
        except BrokenProcessPool:
            for job in flying.values():
                yield job, _run_alone(work, job, listen or _ignore)


def _run_together(
    work: Callable[[Job, Tell], Result], waiting: deque[Job], flying: dict[Future[Result], Job], workers: int, listen: Tell
) -> Iterator[tuple[Job, Result]]:
    """Run as many jobs at a time as there are workers; if a worker dies, `flying` holds the unfinished jobs."""
    messages = PROCESSES.Queue()
    with open_pool(workers, _enter, (messages,)) as pool:
        while waiting or flying:
            while waiting and len(flying) < workers:
                flying[pool.submit(_do_job, work, waiting[0])] = waiting[0]
                waiting.popleft()
            ended, _ = wait(flying, timeout=_LOOK, return_when=FIRST_COMPLETED)
            _pass_on_messages(messages, listen)
            for future in ended:
                result = future.result()
                yield flying.pop(future), result


def _run_alone(work: Callable[[Job, Tell], Result], job: Job, listen: Tell) -> Result | None:
    try:
        ((_, result),) = _run_together(work, deque([job]), {}, 1, listen)
    except BrokenProcessPool:
        return None
    return result


@contextmanager
def use_one_thread() -> Iterator[None]:
    """Run PyTorch on one thread inside the block, as in a worker: sums of floats depend on the number of threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


_messages: Any


def _enter(messages: Any) -> None:
    """Prepare a worker to send messages."""
    global _messages
    _messages = messages


def _do_job(work: Callable[[Job, Tell], Result], job: Job) -> Result:
    return work(job, _messages.put)


def _pass_on_messages(messages: Any, listen: Tell) -> None:
    while True:
        try:
            listen(messages.get_nowait())
        except queue.Empty:
            return


def _ignore(message: Any) -> None:
    """Ignore a message."""

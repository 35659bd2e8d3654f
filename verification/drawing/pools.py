"""Pools of worker processes: started with one thread each, and ended for certain."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from typing import Any

import torch

from ..foreign.processes import PROCESSES, follow_parent, forget_safe_path, start_server

__all__ = ["end_pool", "open_pool", "start_pool"]


def start_pool(
    workers: int, prepare: Callable[..., object] | None = None, arguments: tuple[Any, ...] = ()
) -> ProcessPoolExecutor:
    """Return a pool whose workers run PyTorch on one thread, leave signals to the parent, and end with it.

    Args:
        workers: The number of processes.
        prepare: A function that is called in each worker before its first task; importable.
        arguments: The arguments of `prepare`.
    """
    start_server()
    return ProcessPoolExecutor(workers, PROCESSES, initializer=_prepare_worker, initargs=(prepare, arguments))


@contextmanager
def open_pool(
    workers: int, prepare: Callable[..., object] | None = None, arguments: tuple[Any, ...] = ()
) -> Iterator[ProcessPoolExecutor]:
    """Start a pool as `start_pool` does, and end it when the block is left for whatever reason."""
    others = {child.pid for child in multiprocessing.active_children()}
    pool = start_pool(workers, prepare, arguments)
    try:
        yield pool
    finally:
        end_pool(pool, others)


def end_pool(pool: ProcessPoolExecutor, others: Collection[int | None]) -> None:
    """End a pool's workers without waiting for their tasks, and end its thread with them.

    A worker that is killed while it sends a result may leave half of the result in the pipe. The pool's thread would wait for
    the rest for ever, because this process can itself write into the pipe, and the interpreter waits for that thread when it
    ends. Once the writing end is closed here, the thread reads the end of the pipe instead.

    Args:
        pool: The pool; ending it twice is no error.
        others: The process ids of the children that are not the pool's; they are left alone.
    """
    results: Any = pool._result_queue  # forgotten by shutdown
    pool.shutdown(wait=False, cancel_futures=True)
    ended = [child for child in multiprocessing.active_children() if child.pid not in others]
    for child in ended:
        child.kill()
    for child in ended:
        child.join()
    if results is not None:
        results._writer.close()


def _prepare_worker(prepare: Callable[..., object] | None, arguments: tuple[Any, ...]) -> None:
    follow_parent()
    forget_safe_path()
    torch.set_num_threads(1)
    if prepare is not None:
        prepare(*arguments)

"""Tasks on an existing Dask cluster: the same plan, the same rows, more machines."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

import torch

from ..plan import Settings
from ..workbench import Workbench, registry_workbench
from .executors import Failure, perform_guarded
from .journal import package_digest
from .tasks import Task

__all__ = ["Cluster"]

_PATIENCE = 30.0  # seconds in which a scheduler and its first worker must answer


class Cluster:
    """Worker processes of a Dask cluster.

    Seeds address chunks and sums are reduced in chunk order, so that the record is the one of a single process, whatever
    the number of workers or the workers lost. Files that targets point to must exist under the same paths on every worker.
    A worker process does one task at a time, however many threads it has, because PyTorch's default generator belongs to the
    process: start workers with ``dask worker --nworkers auto --nthreads 1``.

    Args:
        address: Of the scheduler, ``tcp://host:8786``, or the path of a scheduler file.
        settings: The run's settings.
        problems: Name of each problem -> the target that finds it.
        limit: Seconds without any result after which the oldest task is given up.

    Raises:
        ImportError: Dask is missing.
        ValueError: Nothing answers at the address, no worker comes, or a worker holds another version of this package.
    """

    def __init__(self, address: str, settings: Settings, problems: Mapping[str, str], limit: float = 600.0) -> None:
        try:
            from distributed import Client
        except ImportError as error:
            raise ImportError("a Dask cluster needs distributed; install it with: pip install 'gradverify[cluster]'") from error
        where = _read_scheduler(address)
        try:
            self._client = Client(**where, timeout=_PATIENCE)
            self._client.wait_for_workers(1, timeout=_PATIENCE)
        except (OSError, ValueError, TimeoutError) as error:
            raise ValueError(f"no Dask scheduler with a worker answers at {address!r} ({error})") from error
        self._same_package()
        self.capacity = 2 * len(self._client.nthreads())
        self._arguments = (settings, tuple(problems.items()))
        self._limit = limit
        self._flying: dict[Any, Any] = {}
        self._finished: SimpleQueue[Any] = SimpleQueue()

    def submit(self, key: Any, task: Task) -> None:
        """Send a task to the cluster."""
        future = self._client.submit(_work, *self._arguments, task, pure=False)
        self._flying[future] = key
        future.add_done_callback(self._finished.put)

    def next(self) -> tuple[Any, Any]:
        """Wait for one result."""
        while True:
            try:
                future = self._finished.get(timeout=self._limit)
            except Empty:
                return self._given_up()
            if future in self._flying:
                return self._flying.pop(future), _result(future)

    def close(self) -> None:
        """Take back what is not finished, and leave; the cluster stays."""
        self._client.cancel(list(self._flying), force=True)
        self._client.close()

    def _same_package(self) -> None:
        ours = package_digest()
        theirs = self._client.run(package_digest)
        other = [worker for worker, digest in theirs.items() if digest != ours]
        if other:
            self._client.close()
            raise ValueError(f"worker {other[0]} of the cluster holds another version of gradverify; install this one there")

    def _given_up(self) -> tuple[Any, Any]:
        future = next(iter(self._flying))
        self._client.cancel([future], force=True)
        return self._flying.pop(future), Failure(
            "timeout", f"no task ended within {self._limit:g} seconds; this one was oldest"
        )


def _read_scheduler(place: str) -> dict[str, str]:
    """Return the argument of a client that says where its scheduler is: an address, or a file that holds one."""
    path = Path(place)
    if not path.is_file():
        return {"address": place}
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(f"scheduler file {place} cannot be read as JSON ({error}); give the file that dask wrote") from error
    if not isinstance(held, dict) or not isinstance(held.get("address"), str):
        raise ValueError(f"scheduler file {place} holds no address; give the file that `dask scheduler --scheduler-file` wrote")
    return {"scheduler_file": place}


def _result(future: Any) -> Any:
    try:
        return future.result()
    except Exception as error:  # a lost worker, after the scheduler's own attempts elsewhere
        return Failure("crashed", f"{type(error).__name__} on the cluster: {error}".splitlines()[0][:500])


_turn = threading.Lock()


@lru_cache(maxsize=1)
def _workbench(settings: Settings, problems: tuple[tuple[str, str], ...]) -> Workbench:
    """Return the workbench of a run, kept from task to task."""
    return registry_workbench(settings, dict(problems))


def _work(settings: Settings, problems: tuple[tuple[str, str], ...], task: Task) -> Any:
    """Do one task in a worker process, alone: code that draws from the default generator is found out by its state."""
    with _turn:
        torch.set_num_threads(1)
        return perform_guarded(_workbench(settings, problems), task)

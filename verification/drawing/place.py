"""The place where a run's rows are drawn: this process, spawned processes or a cluster, with their answers kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from ..problems.registry import is_own
from ..record.folder import earlier_record
from ..workbench import Workbench
from .executors import Executor, Inline, Processes
from .journal import JOURNAL, Journal, fingerprint
from .sources import source_digests
from .workers import worker_count

__all__ = ["Drawing", "Place"]


@dataclass(frozen=True)
class Drawing:
    """The rows to draw, described for this process and for others.

    Attributes:
        workbench: The meaning of the run's names in this process.
        problems: The name of each problem, and the target at which another process finds it.
        objects: The names of estimators and problems that were given as objects, which no other process can find.
    """

    workbench: Workbench
    problems: dict[str, str]
    objects: tuple[str, ...] = ()

    @property
    def by_name(self) -> bool:
        """True if another process could draw the same rows."""
        return not self.objects

    @property
    def has_foreign_problems(self) -> bool:
        """True if code of the user makes some problem."""
        return any(not is_own(target) for target in self.problems.values())

    def require_names(self, option: str) -> None:
        """Raise `ValueError` if something was given as an object and rows are to be drawn in other processes."""
        if self.objects:
            raise ValueError(
                f"{option}: other processes cannot find {self.objects[0]}, which was given as an object; "
                f"give it by name, as 'path/to/file.py:attr', or leave {option} out"
            )


@dataclass(frozen=True, kw_only=True)
class Place:
    """The place where rows are drawn and their answers are kept.

    Attributes:
        workers: The processes to spawn; 0 for none, None for as many as there are cores.
        dask: The address of a Dask scheduler, or a scheduler file.
        time_limit: The seconds that one task of a cell may take.
        out: The run's folder.
        resume: True to go on with the unfinished run in it.
        isolate: True if foreign code may run in processes of its own only.

    Raises:
        ValueError: An option is out of range, or two contradict each other.
    """

    workers: int | None = None
    dask: str | None = None
    time_limit: float = 600.0
    out: Path | None = None
    resume: bool = False
    isolate: bool = False

    def __post_init__(self) -> None:
        if self.workers is not None and self.workers < 0:
            raise ValueError(f"workers={self.workers}; expected 0 for none, or a number of processes")
        if not self.time_limit > 0:
            raise ValueError(f"time_limit={self.time_limit:g}; expected a number of seconds above 0")
        if self.resume and self.out is None:
            raise ValueError("--resume needs --out, the folder of the run to go on with")
        if self.dask is not None and not self.dask.strip():
            raise ValueError("--dask is empty; expected the address of a scheduler, as tcp://host:8786, or a scheduler file")
        if self.dask and self.workers:
            raise ValueError("--dask runs on the cluster's CPU workers; leave --workers and --device out")

    def refuse_contradictions(self, *, exact: bool, device: str) -> None:
        """Raise `ValueError` for options of a run that cannot be meant together with this place."""
        if exact and (self.resume or self.dask):
            raise ValueError("--exact draws no rows, so that there is nothing to resume or to send to a cluster")
        if self.dask and device != "cpu":
            raise ValueError("--dask runs on the cluster's CPU workers; leave --workers and --device out")

    def open_journal(
        self,
        drawing: Drawing,
        cells: int,
        estimators: Iterable[str],
        sources: Iterable[str],
        notify: Callable[[str], None],
    ) -> Executor:
        """Return what draws the rows, its answers kept in the run's folder if there is one.

        Args:
            drawing: The run's workbench, and where other processes find what its names mean.
            cells: The number of cells of the run.
            estimators: The names of the run's estimators.
            sources: The targets whose code the rows come from.
            notify: Called with a sentence for the user.
        """
        executor = self.executor(drawing, cells)
        if self.resume:
            drawing.require_names("resume")
        if self.out is None or not drawing.by_name:
            return executor
        begun = (self.out / JOURNAL).exists()
        try:
            digests = source_digests(sources)
            settings = drawing.workbench.settings
            identity = fingerprint(settings, digests, targets=estimators, problems=drawing.problems)
            journal = Journal(executor, self.out / JOURNAL, identity, resume=self.resume)
        except BaseException:
            executor.close()
            raise
        if self.resume:
            notify(f"{journal.answered} tasks were answered before" if begun else _nothing_to_resume(self.out))
        return journal

    def executor(self, drawing: Drawing, cells: int) -> Executor:
        """Return what draws the rows of a run; foreign code that is to be isolated runs in other processes alone."""
        if not self.dask:
            return self._processes(drawing, cells)
        from .cluster import Cluster

        drawing.require_names("dask")
        return Cluster(self.dask, drawing.workbench.settings, drawing.problems, limit=self.time_limit)

    def searcher(self, drawing: Drawing, cells: int) -> Executor:
        """Return what searches for the origins of biases: processes if foreign code is to be isolated, else this one."""
        return self._processes(drawing, cells) if self._isolates(drawing) else Inline(drawing.workbench)

    def _processes(self, drawing: Drawing, cells: int) -> Executor:
        settings = drawing.workbench.settings
        count = worker_count(self.workers, settings.device, cells) or int(self._isolates(drawing))
        if not count:
            return Inline(drawing.workbench)
        drawing.require_names("workers")
        return Processes(count, settings, drawing.problems, limit=self.time_limit)

    def _isolates(self, drawing: Drawing) -> bool:
        return self.isolate and (bool(drawing.workbench.settings.conventions) or drawing.has_foreign_problems)


def _nothing_to_resume(folder: Path) -> str:
    """Return what is said of a folder without a journal: a complete run removes its own."""
    before = earlier_record(folder)
    why = "its run is complete" if before is not None and before.run.complete else "it holds no unfinished run"
    return f"nothing to resume in {folder}: {why}; this one starts anew"

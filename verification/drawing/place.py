"""Where the rows of ``gradverify verify`` are drawn: here, in spawned processes or on a cluster, with their answers kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..record.folder import earlier_record
from .workers import worker_count

if TYPE_CHECKING:
    from ..run.verification import Verification
    from .executors import Executor

__all__ = ["Place"]


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where rows are drawn and where the report goes.

    Attributes:
        workers: Processes to spawn; 0 for none, None for as many as there are cores.
        dask: Address of a Dask scheduler, or a scheduler file.
        time_limit: Seconds that one task of a cell may take.
        out: The run's folder.
        resume: Whether to go on with the unfinished run in it.
    """

    workers: int | None
    dask: str | None
    time_limit: float
    out: Path | None
    resume: bool

    def refuse_contradictions(self, *, exact: bool, device: str) -> None:
        """Raise `ValueError` for options that cannot be meant together."""
        if self.resume and self.out is None:
            raise ValueError("--resume needs --out, the folder of the run to go on with")
        if exact and (self.resume or self.dask):
            raise ValueError("--exact draws no rows, so that there is nothing to resume or to send to a cluster")
        if self.dask and (self.workers is not None or device != "cpu"):
            raise ValueError("--dask runs on the cluster's CPU workers; leave --workers and --device out")

    def journalled(self, run: Verification, problems: Mapping[str, str], targets: Sequence[str]) -> Executor:
        """What draws the rows, its answers kept in the run's folder.

        Args:
            run: The run.
            problems: Problem -> the target at which another process finds it.
            targets: What was asked for, estimators and problems.
        """
        executor = self.drawing(run, problems)
        if self.out is None:
            return executor
        from .journal import JOURNAL, Journal, fingerprint
        from .sources import source_digests

        begun = (self.out / JOURNAL).exists()
        try:
            identity = fingerprint(run.settings, source_digests(targets), targets=run.estimators, problems=problems)
            journal = Journal(executor, self.out / JOURNAL, identity, resume=self.resume)
        except BaseException:
            executor.close()
            raise
        if self.resume:
            click.echo(f"{journal.answered} tasks were answered before" if begun else _nothing_to_resume(self.out), err=True)
        return journal

    def drawing(self, run: Verification, problems: Mapping[str, str]) -> Executor:
        """What draws the rows; foreign code never here."""
        if self.dask:
            from .cluster import Cluster

            return Cluster(self.dask, run.settings, dict(problems), limit=self.time_limit)
        return self._processes(run, problems)

    def searching(self, run: Verification, problems: Mapping[str, str]) -> Executor:
        """What searches for the origins of biases: spawned processes where foreign code is among them, else this one."""
        from .executors import Inline

        return self._processes(run, problems) if run.settings.conventions else Inline(run.bench)

    def _processes(self, run: Verification, problems: Mapping[str, str]) -> Executor:
        from .executors import Inline, Processes

        settings = run.settings
        count = worker_count(self.workers, settings.device, len(run.runs)) or int(bool(settings.conventions))
        return Processes(count, settings, dict(problems), limit=self.time_limit) if count else Inline(run.bench)


def _nothing_to_resume(folder: Path) -> str:
    """What is said of a folder without a journal: a complete run removes its own."""
    before = earlier_record(folder)
    why = "its run is complete" if before is not None and before.run.complete else "it holds no unfinished run"
    return f"nothing to resume in {folder}: {why}; this one starts anew"

"""Attribution of every biased cell of a record: the searches as jobs of the task loop."""

from __future__ import annotations

from dataclasses import replace

from ..attribution.search import wants_attribution
from ..attribution.task import AttributionTask
from ..drawing.executors import Executor, Failure
from ..record.record import Cell, Check, Record
from .loop import Progress, run_jobs

__all__ = ["attribute_record"]


class _Search:
    """The search for the biased sites of one cell: one task, one answer."""

    def __init__(self, cell: Cell, alpha: float) -> None:
        self._cell, self._alpha = cell, alpha
        self._asked = False
        self._check: Check | None = None

    @property
    def label(self) -> str:
        """The name of the search, for a reader."""
        return f"sites of {self._cell.estimator} on {self._cell.problem}"

    @property
    def closed(self) -> bool:
        """True if the answer has come."""
        return self._check is not None

    @property
    def in_flight(self) -> int:
        """One while the answer is awaited, else none."""
        return int(self._asked and self._check is None)

    def next_task(self) -> AttributionTask | None:
        """Return the search's only task, once."""
        if self._asked:
            return None
        self._asked = True
        return AttributionTask(self._cell.estimator, self._cell.problem, self._alpha)

    def receive(self, task: AttributionTask, result: Check | Failure) -> None:
        """Take the answer; a failure is an outcome, and the verdict that was to be explained stands."""
        if isinstance(result, Failure):
            result = Check(check="attribution", outcome=result.status, note=result.note)
        self._check = result

    def cell(self) -> Cell:
        """Return the cell, with the answer among its checks if it has come."""
        return self._cell if self._check is None else replace(self._cell, checks=(*self._cell.checks, self._check))


def attribute_record(record: Record, alpha: float, executor: Executor, progress: Progress | None = None) -> Record:
    """Return the record with the sites of every biased cell at which its bias enters; see `attribution`.

    The searches share one error rate, the run's; they change no verdict. Ctrl-C keeps what was found until then, and the record
    is no longer complete.

    Args:
        record: A record of `gradverify verify`.
        alpha: The probability of any false naming, in all cells.
        executor: Where the searches are done; it is closed afterwards.
        progress: Called for every search that ends.
    """
    biased = [cell for cell in record.cells if wants_attribution(cell)]
    searches = {(cell.estimator, cell.problem): _Search(cell, alpha / len(biased)) for cell in biased}
    complete = True
    try:
        run_jobs([*searches.values()], executor, progress=progress)
    except KeyboardInterrupt:
        complete = False
    finally:
        executor.close()
    cells = tuple(
        searches[cell.estimator, cell.problem].cell() if (cell.estimator, cell.problem) in searches else cell
        for cell in record.cells
    )
    return replace(record, run=replace(record.run, complete=record.run.complete and complete), cells=cells)

"""Attribution of every biased cell of a record: the searches as tasks, so that foreign code may crash in one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ..attribution.search import wants_attribution
from ..drawing.executors import Executor, Failure
from ..drawing.tasks import AttributionTask
from ..record.record import Cell, Check, Record

__all__ = ["attributed"]


def attributed(
    record: Record, alpha: float, executor: Executor, progress: Callable[[int, int, str], None] | None = None
) -> Record:
    """The record with every biased cell's sites searched for where the bias enters; see `attribution`.

    The searches share one error rate, the run's; they change no verdict. Ctrl-C keeps what was found until then, and the record
    is no longer complete.

    Args:
        record: What `gradverify verify` found.
        alpha: Probability of any false naming, in all cells.
        executor: Where the searches are done; it is closed afterwards.
        progress: Told of every search that ends.
    """
    biased = [each for each in record.cells if wants_attribution(each)]
    waiting = {key: AttributionTask(each.estimator, each.problem, alpha / len(biased)) for key, each in enumerate(biased)}
    found: dict[tuple[str, str], Cell] = {}
    complete, flying = True, 0
    try:
        while len(found) < len(biased):
            while waiting and flying < executor.capacity:
                key = next(iter(waiting))
                executor.submit(key, waiting.pop(key))
                flying += 1
            key, result = executor.next()
            flying -= 1
            cell = biased[key]
            found[cell.estimator, cell.problem] = replace(cell, checks=(*cell.checks, _check(result)))
            if progress is not None:
                progress(len(found), len(biased), f"sites of {cell.estimator} on {cell.problem}")
    except KeyboardInterrupt:
        complete = False
    finally:
        executor.close()
    cells = tuple(found.get((each.estimator, each.problem), each) for each in record.cells)
    return replace(record, run=replace(record.run, complete=record.run.complete and complete), cells=cells)


def _check(result: Any) -> Check:
    """The check that a search came to; its failure is an outcome, and the verdict that it was to explain stands."""
    if isinstance(result, Failure):
        return Check(check="attribution", outcome=result.status, note=result.note)
    assert isinstance(result, Check)
    return result

"""Targets that are not this package's own: looked at in a process of their own, before anything else is done with them."""

from __future__ import annotations

import contextlib
import io
import multiprocessing
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from typing import Any

from ...estimators.adapters import Convention, ForeignHints, TargetError, UnrecognisedTargetError, convention_of
from ...estimators.protocol import Estimator
from ..record.record import Cell, Check, Record
from ..record.study import Exhibits, Study, Table
from .isolation import MEMORY, isolate, memory, said

__all__ = ["Finding", "at_every_size", "broken_cells", "examine", "load_quietly", "split_batch", "with_conventions"]

WIDE = 8
"""The second size of batch that code is judged at whose rows depend on each other; the first is `ForeignHints`'s."""

_KEPT = MEMORY // 8  # bytes that a target may leave behind before the next one gets a process of its own
_START = 120.0  # seconds in which a process must start; importing PyTorch takes some

_WORDS = {
    "timeout": "it did not come back within {limit:g} seconds while it was probed, and was ended",
    "crashed": "its process died while it was probed (exit, signal or a crash in native code; exit code {code})",
}


@dataclass(frozen=True)
class Finding:
    """What was found of one target.

    Attributes:
        target: The target.
        convention: How it is used; None where that could not be found out.
        status: ``ok``, ``failed``, ``crashed``, ``timeout``, or ``refused`` where the target itself is wrong.
        note: What happened, in one sentence.
    """

    target: str
    convention: Convention | None = None
    status: str = "ok"
    note: str = ""


def examine(targets: Sequence[str], wanted: ForeignHints, limit: float = 600.0) -> list[Finding]:
    """Load targets and find out how each is used, in a spawned process that may crash, hang or exit.

    Args:
        targets: ``package.module:attr``, ``path/to/file.py:attr``, or names of other packages' entry points, each with ``@N``
            behind it where a batch of N rows is to be one replicate.
        wanted: What is stated of them.
        limit: Seconds that one target may take.

    Returns:
        One finding a target, in order, and a second one, ``target@8``, where rows depend on each other and no size was stated;
        one that names nothing, or fits several conventions, is ``refused``, and its note says what to do.
    """
    found: list[Finding] = []
    while len(found) < len(targets):
        found += _examined_together(targets[len(found) :], wanted, limit)
    return [each for finding in found for each in _at_sizes(finding)]


def split_batch(target: str) -> tuple[str, int | None]:
    """A target without the size of batch that it may end in, and that size.

    Example:
        >>> split_batch("mine.py:loss@8"), split_batch("mine.py:loss")
        (('mine.py:loss', 8), ('mine.py:loss', None))
    """
    place, _, size = target.rpartition("@")
    return (place, int(size)) if place and size.isdecimal() else (target, None)


def at_every_size(targets: Sequence[str], findings: Sequence[Finding]) -> list[str]:
    """The targets that can be used, each followed by itself at the second size of batch where there is one."""
    broken = {each.target for each in findings if each.convention is None}
    wide = {each.target for each in findings} - set(targets)
    names = (name for target in targets for name in (target, f"{target}@{WIDE}"))
    return [name for name in names if name in wide or (name in targets and name not in broken)]


def load_quietly(target: str, convention: Convention | None) -> Estimator:
    """The estimator that a target names; what its module prints while it is loaded is dropped."""
    from ...estimators.registry import load_estimator

    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        return load_estimator(split_batch(target)[0], convention=convention)


def broken_cells(findings: Sequence[Finding], problems: Sequence[str]) -> list[Cell]:
    """The cells of targets that could not even be looked at: one a problem, with the status and the reason."""
    return [_broken_cell(each, problem) for each in findings if each.convention is None for problem in problems]


def _broken_cell(finding: Finding, problem: str) -> Cell:
    """A cell without a row; ``reason`` is ``unusable`` where the user has to mend what was asked for."""
    refused = finding.status == "refused"
    details = {"reason": "unusable"} if refused else {}
    check = Check(check="bias", outcome="failed", note=finding.note, details=details)
    return Cell(estimator=finding.target, problem=problem, status="failed" if refused else finding.status, checks=(check,))


def with_conventions(record: Record) -> Record:
    """The record with a study that says how each foreign callable was called, if there is one.

    Verdicts on one size of batch, or one number of samples, say so.
    """
    found = {cell.estimator: cell.claims["convention"] for cell in record.cells if "convention" in cell.claims}
    if not found:
        return record
    rows = tuple(
        (
            name,
            each["kind"],
            each["takes"],
            each["returns"] or "a loss",
            "yes" if each["gradient_path"] else "no",
            each["sentence"],
        )
        for name, each in found.items()
    )
    table = Table(title="Conventions", columns=("target", "kind", "takes", "returns", "gradient path", "in words"), rows=rows)
    study = Study(
        name="conventions",
        title="How foreign code was called",
        text=(
            "What probing found of each target that is not written for this package. --takes, --returns and --state state it "
            "where the finding is wrong.",
        ),
        exhibits=Exhibits(tables=(table,)),
    )
    return replace(record, cells=tuple(map(_with_scope, record.cells)), studies=(*record.studies, study))


def _with_scope(cell: Cell) -> Cell:
    """The cell with the size of batch and the number of samples that its bias was judged at, where that could change it."""
    scope = _scope(cell.claims.get("convention"))
    if not scope or cell.status != "ok":
        return cell
    return replace(cell, checks=tuple(_noted(each, scope) for each in cell.checks))


def _noted(check: Check, scope: str) -> Check:
    """The check with the scope in its note, if it is a verdict on bias."""
    if check.check != "bias" or check.outcome not in ("biased", "unbiased", "inconclusive"):
        return check
    return replace(check, note="; ".join(filter(None, (check.note, scope))))


def _scope(convention: dict[str, Any] | None) -> str:
    """What a convention fixed of the foreign code that its user may choose otherwise."""
    if not convention:
        return ""
    fixed = []
    if convention["group"] > 1:
        fixed.append(f"a batch of {convention['group']}, whose rows depend on each other")
    if convention["samples"] > 1 and (convention["layout"], convention["reduction"]) != ("single", "rows"):
        fixed.append(f"{convention['samples']} samples a replicate")
    return f"judged at {' and '.join(fixed)}; at others its bias may differ" if fixed else ""


def _examined_together(targets: Sequence[str], wanted: ForeignHints, limit: float) -> list[Finding]:
    """Findings of the targets up to the first one that ends or hangs the process."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_look, args=(theirs, list(targets), wanted), daemon=True)
    process.start()
    theirs.close()
    try:
        return list(_heard(ours, process, targets, limit))
    finally:
        process.kill()
        process.join()
        ours.close()


def _heard(connection: Connection, process: Any, targets: Sequence[str], limit: float) -> Iterator[Finding]:
    patience = _START
    for target in targets:
        # Two messages a target: that it begins, and what was found.
        for begins in (True, False):
            if not connection.poll(patience):
                yield Finding(target, None, "timeout", _WORDS["timeout"].format(limit=patience))
                return
            try:
                message = connection.recv()
            except EOFError:
                if not begins or target == targets[0]:
                    process.join()
                    yield Finding(target, None, "crashed", _WORDS["crashed"].format(code=process.exitcode))
                return
            patience = limit
        yield message


def _look(connection: Connection, targets: list[str], wanted: ForeignHints) -> None:
    import torch

    isolate()
    torch.set_num_threads(1)
    start = memory()
    for target in targets:
        connection.send(target)
        connection.send(_looked_at(target, wanted))
        if memory() - start > _KEPT:
            return


def _at_sizes(finding: Finding) -> list[Finding]:
    """The finding, and the same at the second size of batch where its law could depend on it."""
    convention = finding.convention
    if convention is None or convention.group == 1 or split_batch(finding.target)[1] is not None:
        return [finding]
    return [finding, replace(finding, target=f"{finding.target}@{WIDE}", convention=convention.with_group(WIDE))]


def _looked_at(target: str, wanted: ForeignHints) -> Finding:
    from ...estimators.registry import load_estimator

    place, batch = split_batch(target)
    try:
        convention = convention_of(load_estimator(place, wanted if batch is None else replace(wanted, batch=batch)))
        if batch is not None and (batch < 2 or convention.group != batch):
            raise TargetError(f"{target!r}: @N is for losses and gradients of a batch of two rows or more; leave @{batch} out")
        return Finding(target, convention)
    except UnrecognisedTargetError as error:
        return Finding(target, None, "failed", said(error))
    except TargetError as error:
        return Finding(target, None, "refused", said(error))
    except BaseException as error:
        return Finding(target, None, "crashed", f"{type(error).__name__} while it was probed: {said(error)}"[:500])

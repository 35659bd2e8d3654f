"""The changes of a cell's verdict between two records, for the better or for the worse."""

from __future__ import annotations

from typing import cast

from ..record.record import Cell, Check
from ..verdicts import Material
from .change import Change, Direction

__all__ = ["verdict_change"]

_UNDECIDED = ("inconclusive", "not tested")
_RANK = {"unbiased": 0, "agree": 0, "biased": 1, "no-gradient": 1, "not-applicable": 2, "failed": 3, "crashed": 3, "timeout": 3}


def verdict_change(base: Cell, head: Cell, *, same: bool = False) -> Change | None:
    """Compare a cell's verdicts in two records.

    Worse: a claim that was not refuted is refuted; an unbiased estimator is biased, trains nothing or no longer applies; a
    cell that ran fails. ``lost``: a decided verdict is inconclusive, or a bias of undetermined size is found where none was
    claimed. Any other bias within the tolerance is a change and no regression, because ``unbiased`` never excluded it.

    Args:
        base: The cell before.
        head: The cell after.
        same: True to ask for any contradiction rather than for a worse verdict; undecided verdicts contradict nothing.

    Returns:
        The change; None if the verdicts agree.
    """
    refuted = _newly_refuted(base, head)
    before: str = base.word
    after: str = head.word
    if same:
        direction: Direction | None = "different" if _contradict(base, head, before, after) else None
    elif refuted is not None:
        direction = "worse"
    else:
        direction = _direction(base, head, before, after)
    if direction is None:
        return None
    if before == after and refuted is not None:
        earlier = base.find(refuted.check)
        before, after = (f"{refuted.check}: {'' if each is None else each.outcome}" for each in (earlier, refuted))
    return Change(
        estimator=head.estimator,
        problem=head.problem,
        quantity="verdict",
        direction=direction,
        base=before,
        head=after,
        rows=_rows(base, head),
        note=_note(base, head, refuted, direction),
    )


def _direction(base: Cell, head: Cell, before: str, after: str) -> Direction | None:
    if before == after:
        # The word is the same, but a claim is no longer refuted: the bias is within another tolerance, or another check passes.
        return "better" if _newly_refuted(head, base) is not None else None
    if after in _UNDECIDED:
        return "lost"
    if before in _UNDECIDED:
        return "better" if after == "unbiased" else ("changed" if _RANK.get(after, 3) < 2 else "worse")
    step = _RANK.get(after, 3) - _RANK.get(before, 3)
    if step > 0:
        if after != "biased" or _material(head):
            return "worse"
        undetermined = _size(head) == "undetermined" and head.claims.get("here") == "unbiased"
        return "lost" if undetermined else "changed"
    return "better" if step < 0 else "changed"


def _contradict(base: Cell, head: Cell, before: str, after: str) -> bool:
    """True if the two verdicts cannot both be true of the same estimator."""
    if before == after or {before, after} & set(_UNDECIDED):
        return False
    if {before, after} == {"unbiased", "biased"}:
        return _material(head if after == "biased" else base)
    return True


def _material(cell: Cell) -> bool:
    return _size(cell) == "material"


def _size(cell: Cell) -> Material:
    bias = cell.find("bias")
    return "" if bias is None else cast(Material, bias.details.get("material", ""))


def _newly_refuted(base: Cell, head: Cell) -> Check | None:
    """Return the first check whose claim is refuted in the head and was not in the base."""
    for each in head.checks:
        earlier = base.find(each.check)
        if each.claim == "refuted" and (earlier is None or earlier.claim != "refuted"):
            return each
    return None


def _rows(base: Cell, head: Cell) -> tuple[int, int] | None:
    checks = (base.find("bias"), head.find("bias"))
    return None if None in checks else tuple(each.num_samples for each in checks if each is not None)  # type: ignore[return-value]


def _note(base: Cell, head: Cell, refuted: Check | None, direction: Direction) -> str:
    bias, earlier = head.find("bias"), base.find("bias")
    note = refuted.note if refuted is not None else (bias.note if bias is not None else "")
    if direction == "lost" and bias is not None and bias.detectable is not None:
        before = "" if earlier is None or earlier.detectable is None else f", {earlier.detectable:.3g} before"
        seen = f"the smallest bias that would have been seen is {bias.detectable:.3g}{before}"
        note = "; ".join(part for part in (str(bias.details.get("reason", "")), seen, note) if part)
    return note

"""The comparison of two records: significant changes beyond a margin, under one error rate.

It reads records and draws nothing. Cells whose figures are equal bit by bit (same seed, same code) need no test and no share of
the error rate; Holm's procedure tests all others, and every exponent, together.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from ..record.record import Cell, Record, Run
from .bias_change import bias_difference
from .change import Change, Direction, Quantity
from .comparable import circumstances, figures, membership, paired_cells, verdicts_compare
from .differences import Difference, exponent_difference, time_difference, variance_difference
from .sensitivity import Sensitivity, sensitivities
from .verdict_changes import verdict_change

__all__ = ["EXIT_MEANING", "MARGIN", "Comparison", "compare"]

MARGIN = 0.05
TIME_MARGIN = 0.2  # timings differ by this much between runs of the same code on a busy machine

EXIT_MEANING = {
    0: "nothing is worse",
    1: "something is worse",
    3: "nothing is worse, but a result that was known is lost or was left out",
}
_SAME_MEANING = {
    0: "no difference was found",
    1: "they differ",
    3: "no difference was found, but some cells could not be compared",
}
_TIMED = "median over {} problems; meaningful only if one quiet machine made both records"
_DIRECTIONS: tuple[Direction, ...] = ("worse", "different", "lost", "gone", "new", "changed", "better")


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """The changes from a base record to a head record.

    Attributes:
        base: The run of the base record.
        head: The run of the head record.
        margin: Relative change of a variance that is allowed; exponents and evaluations follow it.
        tolerance: The tolerance of both records' bias checks.
        alpha: Probability that any change is reported where there is none, except for verdicts, which keep the error rates of
            their own records, and for lost variances, which are not tested.
        same: True if any difference was asked for.
        timing: True if seconds count towards the exit status.
        num_cells: The number of cells in both records.
        num_identical: The number of those cells whose figures are equal bit by bit.
        num_tests: The number of tests that share ``alpha``.
        changes: The changes, the gravest first.
        sensitivities: The changes of variances that the tests could detect, the least sensitive test first.
        notes: Circumstances that a reader must know.
    """

    base: Run
    head: Run
    margin: float
    tolerance: float
    alpha: float
    same: bool
    timing: bool
    num_cells: int
    num_identical: int
    num_tests: int
    changes: tuple[Change, ...]
    sensitivities: tuple[Sensitivity, ...]
    notes: tuple[str, ...]

    @property
    def exit_status(self) -> int:
        """The exit status: 0 if nothing is worse, 1 if something is, 3 if nothing is but a known result is lost."""
        found = {each.direction for each in self.changes if not each.advisory}
        if found & {"worse", "different"}:
            return 1
        missing = {"gone", "new"} if self.same else {"lost", "gone"}
        return 3 if found & missing or not (self.base.complete and self.head.complete) else 0

    @property
    def meaning(self) -> str:
        """The meaning of the exit status, in words."""
        return (_SAME_MEANING if self.same else EXIT_MEANING)[self.exit_status]


def compare(
    base: Record, head: Record, *, margin: float = MARGIN, alpha: float = 1e-3, same: bool = False, timing: bool = False
) -> Comparison:
    """Compare two records.

    Args:
        base: The record to compare with.
        head: The record to judge.
        margin: Relative change of a variance that is allowed. Exponents may change so far that the variance changes by this
            factor from the smallest size to the largest, and evaluations by this factor. A bias may not grow significantly.
        alpha: Probability that any change is reported where there is none, except for verdicts and lost variances.
        same: Look for any difference (between two devices, or two versions that should agree), without a margin.
        timing: Let seconds count towards the exit status; otherwise they are only shown.

    Returns:
        The comparison.

    Raises:
        ValueError: An option is out of range, the records have no cell in common, their tolerances differ, or a problem of
            the same name has another gradient.
    """
    if not 0 < alpha < 0.5:
        raise ValueError(f"alpha={alpha:g}; expected a number above 0 and below 0.5")
    if not 0 <= margin < 10:
        raise ValueError(f"margin={margin:g}; expected a number from 0 and below 10")
    pairs = paired_cells(base, head)
    allowed = 0.0 if same else margin
    moved = [(one, two) for one, two in pairs if figures(one) != figures(two)]
    tests = [*_cell_tests(base, head, moved, allowed, same), *_family_tests(base, head, allowed)]
    timed = list(_time_tests(pairs, advisory=not timing))
    found = _holm([*tests, *(timed if timing else [])], alpha) + (_holm(timed, alpha) if not timing else [])
    if same:
        found = [each if each.advisory else replace(each, direction="different") for each in found]
    judged = [(one, two) for one, two in moved if verdicts_compare(base, head, two)]
    verdicts = [each for each in (verdict_change(one, two, same=same) for one, two in judged) if each is not None]
    counted = len(tests) + (len(timed) if timing else 0)
    changes = [
        *verdicts,
        *found,
        *_list_unmeasured(moved, found, same),
        *_evaluations(moved, allowed, same),
        *_family_verdicts(base, head, same),
        *membership(base, head),
    ]
    return Comparison(
        base=base.run,
        head=head.run,
        margin=allowed,
        tolerance=0.0 if same else head.run.tolerance,
        alpha=alpha,
        same=same,
        timing=timing,
        num_cells=len(pairs),
        num_identical=len(pairs) - len(moved),
        num_tests=counted,
        changes=tuple(sorted(changes, key=lambda each: (each.advisory, _DIRECTIONS.index(each.direction)))),
        sensitivities=tuple(sensitivities(moved, tests, allowed, alpha / max(counted, 1))),
        notes=tuple(circumstances(base, head)),
    )


def _cell_tests(base: Record, head: Record, moved: Sequence[tuple[Cell, Cell]], margin: float, same: bool) -> Iterator[Change]:
    paired = all(getattr(base.run, name) == getattr(head.run, name) for name in ("seed", "device", "dtype"))
    single = any("float32" in each.run.dtype for each in (base, head))
    for one, two in moved:
        before, after = one.find("bias"), two.find("bias")
        if before is not None and after is not None:
            # A bias that has grown is worse however small it is: the growth itself must be significant, and no more.
            found = bias_difference(before, after, margin=0.0, single=single)
            yield from _make_change(two, "bias", found, (before.num_samples, after.num_samples))
        before, after = one.find("variance"), two.find("variance")
        if before is not None and after is not None and _can_test_variance(one, two):
            found = variance_difference(before, after, margin=margin, paired=paired)
            yield from _make_change(two, "variance", found, (before.num_samples, after.num_samples))


def _can_test_variance(base: Cell, head: Cell) -> bool:
    """True if both samples have seen enough of their tails, or if one is constant: then rows are counted, and no tail matters.

    One such sample is not enough. Under the same law, the other may have met the rarest event more often, or have missed it.
    """
    return _constant(base) or _constant(head) or (_measurable(base) and _measurable(head))


def _measurable(cell: Cell) -> bool:
    check = cell.find("variance")
    return check is not None and (check.outcome == "exact" or bool(check.details.get("measurable")))


def _constant(cell: Cell) -> bool:
    check = cell.find("variance")
    return check is not None and check.estimate == 0


def _list_unmeasured(moved: Sequence[tuple[Cell, Cell]], found: Sequence[Change], same: bool) -> Iterator[Change]:
    """Yield the variances that could be trusted before and cannot be trusted now.

    A sample that has not seen its tail is a fact about the record, like a missing cell, and not a claim about the estimator: a
    tail that has grown cannot be told from a rare event that the base never met, however much larger the sample variance is.
    So nothing is tested, no error rate is shared, and it is no regression; more rows on both sides decide it.
    """
    reported = {(each.estimator, each.problem) for each in found if each.quantity == "variance"}
    for one, two in moved:
        before, after = one.find("variance"), two.find("variance")
        if before is None or after is None or same or (two.estimator, two.problem) in reported:
            continue
        if _measurable(two) or _constant(two) or not (_measurable(one) or _constant(one)):
            continue
        yield Change(
            estimator=two.estimator, problem=two.problem, quantity="variance", direction="lost", base=before.estimate,
            head=after.estimate, rows=(before.num_samples, after.num_samples),
            note="its rows now show too little of their tail for the sample variance to be trusted",
        )  # fmt: skip


def _family_tests(base: Record, head: Record, margin: float) -> Iterator[Change]:
    before = {(each.estimator, each.family): each for each in base.families}
    for each in head.families:
        earlier = before.get((each.estimator, each.family))
        if earlier is not None and earlier != each:
            found = exponent_difference(earlier, each, margin=margin)
            yield from _make_change(Cell(estimator=each.estimator, problem=each.family, status="ok"), "exponent", found, None)


def _family_verdicts(base: Record, head: Record, same: bool) -> Iterator[Change]:
    """Yield the declared exponents that are refuted now, and the exponents that can no longer be fitted."""
    before = {(each.estimator, each.family): each for each in base.families}
    for each in head.families:
        earlier = before.get((each.estimator, each.family))
        if earlier is None or same:
            continue
        if each.claim == "refuted" != earlier.claim:
            direction: Direction = "worse"
        elif earlier.exponent is not None and each.exponent is None:
            direction = "lost"
        else:
            continue
        yield Change(
            estimator=each.estimator, problem=each.family, quantity="exponent", direction=direction, base=earlier.exponent,
            head=each.exponent, note=each.note,
        )  # fmt: skip


def _time_tests(pairs: Sequence[tuple[Cell, Cell]], *, advisory: bool) -> Iterator[Change]:
    times: dict[str, list[tuple[float, float]]] = {}
    for one, two in pairs:
        seconds = (_seconds(one), _seconds(two))
        if None not in seconds:
            times.setdefault(two.estimator, []).append(seconds)  # type: ignore[arg-type]
    for estimator, several in times.items():
        found = time_difference([a for a, _ in several], [b for _, b in several], margin=TIME_MARGIN)
        cell = Cell(estimator=estimator, problem="", status="ok")
        for change in _make_change(cell, "seconds", found, None):
            yield replace(change, advisory=advisory, note=_TIMED.format(len(several)))


def _seconds(cell: Cell) -> float | None:
    check = cell.find("cost")
    rate = check.timing.get("rows_per_second") if check is not None else None
    return 1 / rate if rate is not None and math.isfinite(rate) and rate > 0 else None


def _make_change(cell: Cell, quantity: Quantity, found: Difference | None, rows: tuple[int, int] | None) -> Iterator[Change]:
    if found is None:
        return
    yield Change(
        estimator=cell.estimator,
        problem=cell.problem,
        quantity=quantity,
        direction="worse" if found.worse else "better",
        base=found.base,
        head=found.head,
        effect=found.effect,
        interval=found.interval,
        p_value=found.p_value,
        method=found.method,
        rows=rows,
    )


def _holm(tests: Sequence[Change], alpha: float) -> list[Change]:
    """Return the tests that Holm's procedure rejects: the k-th smallest p-value against alpha over the remaining tests."""
    rejected: list[Change] = []
    ordered = sorted(tests, key=lambda each: 1.0 if each.p_value is None else each.p_value)
    for place, each in enumerate(ordered):
        if each.p_value is None or each.p_value > alpha / (len(ordered) - place):
            break
        rejected.append(each)
    return rejected


def _evaluations(moved: Sequence[tuple[Cell, Cell]], margin: float, same: bool) -> Iterator[Change]:
    """Yield the changes of program evaluations a replicate, once for each estimator; a count needs no test."""
    seen: set[str] = set()
    for one, two in moved:
        before, after = (each.claims.get("evaluations") for each in (one, two))
        if not before or not after or before == after or two.estimator in seen:
            continue
        seen.add(two.estimator)
        effect = after / before - 1
        if abs(math.log(after / before)) > math.log1p(margin):
            direction: Direction = "different" if same else ("worse" if effect > 0 else "better")
            yield Change(
                estimator=two.estimator, problem="", quantity="evaluations", direction=direction, base=before, head=after,
                effect=effect, method="exact", note="program evaluations a replicate",
            )  # fmt: skip

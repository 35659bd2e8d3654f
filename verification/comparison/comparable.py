"""The cells that two records share, the conditions for comparing them, and the cells that only one record has."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence

from ..record.record import Cell, Family, Record
from .change import Change, Quantity

__all__ = ["circumstances", "figures", "membership", "paired_cells", "verdicts_compare"]

_GIVEN_DIGITS = 1e-3  # gradients that agree to three digits belong to the same problem


def paired_cells(base: Record, head: Record) -> list[tuple[Cell, Cell]]:
    """Pair the cells that both records have, in the head's order.

    Raises:
        ValueError: There are none, the tolerances differ, or a problem of the same name has another gradient.
    """
    before = _cells(base)
    pairs = [(before[key], each) for key, each in _cells(head).items() if key in before]
    _comparable(base, head, pairs)
    return pairs


def _comparable(base: Record, head: Record, pairs: Sequence[tuple[Cell, Cell]]) -> None:
    if not pairs:
        raise ValueError(
            "the records have no cell in common, so no estimator was verified on the same problem in both; "
            "compare runs of the same targets and problems"
        )
    if base.run.tolerance != head.run.tolerance:
        raise ValueError(
            f"the records have different tolerances, {base.run.tolerance:g} and {head.run.tolerance:g}, so their verdicts "
            "mean different things; run both with the same --profile or --tolerance"
        )
    changed = dict.fromkeys(two.problem for one, two in pairs if not _same_problem(one.facts, two.facts))
    if changed:
        raise ValueError(
            f"problem {next(iter(changed))!r} has another gradient in the head than in the base ({len(changed)} such "
            "problems), so it is not the same problem; give a changed problem a new name"
        )


def _same_problem(base: Mapping, head: Mapping) -> bool:
    if base.get("dimension") != head.get("dimension"):
        return None in (base.get("dimension"), head.get("dimension"))
    before, after = base.get("exact"), head.get("exact")
    if before is None or after is None:
        return True
    size = max(map(abs, [*before, *after]), default=0.0)
    return all(abs(a - b) <= _GIVEN_DIGITS * size for a, b in zip(before, after, strict=True))


def verdicts_compare(base: Record, head: Record, cell: Cell) -> bool:
    """True if the bias verdicts of a cell mean the same in both records: before 2.0 a vector's tolerance was another one."""
    return base.read_from == head.read_from or cell.facts.get("dimension") == 1


def figures(cell: Cell) -> str:
    """Return all figures of a cell but times and the replay command, as text, in which NaN equals itself."""
    checks = [{name: value for name, value in vars(each).items() if name != "timing"} for each in cell.checks]
    facts = {name: value for name, value in cell.facts.items() if name != "fitted"}
    return json.dumps([cell.status, checks, facts], default=dict)


def membership(base: Record, head: Record) -> Iterator[Change]:
    """Yield the cells and families that only one record has, except those to which an estimator does not apply."""
    yield from _missing(_cells(base), _cells(head), "cell")
    yield from _missing(_families(base), _families(head), "family")


_Key = tuple[str, ...]
"""The name of an answer: estimator, problem or family, and the test in a record of a pytest session."""


def _families(record: Record) -> dict[_Key, Family]:
    return {(each.estimator, each.family): each for each in record.families}


def _cells(record: Record) -> dict[_Key, Cell]:
    """Return the cells by name; the order distinguishes two answers to the same question of one test."""
    found: dict[_Key, Cell] = {}
    for each in record.cells:
        name = (each.estimator, each.problem, str(each.facts.get("test", "")))
        again = sum(key[:3] == name for key in found) if (*name, "0") in found else 0
        found[*name, str(again)] = each
    return found


def _missing(
    before: Mapping[_Key, Cell] | Mapping[_Key, Family],
    after: Mapping[_Key, Cell] | Mapping[_Key, Family],
    quantity: Quantity,
) -> Iterator[Change]:
    for key, each in before.items():
        if key not in after and _collect_known(each) != "not-applicable":
            yield Change(estimator=key[0], problem=key[1], quantity=quantity, direction="gone", base=_collect_known(each))
    for key, each in after.items():
        if key not in before and _collect_known(each) != "not-applicable":
            yield Change(estimator=key[0], problem=key[1], quantity=quantity, direction="new", head=_collect_known(each))


def _collect_known(each: Cell | Family) -> str | float | None:
    if isinstance(each, Family):
        return each.exponent
    bias = each.find("bias")
    return bias.outcome if bias is not None else each.status


def circumstances(base: Record, head: Record) -> Iterator[str]:
    """Yield the circumstances that matter for a comparison: incomplete runs, other devices, other versions."""
    for name, record in (("base", base), ("head", head)):
        if not record.run.complete:
            yield f"the {name} is incomplete: it was interrupted"
        if record.run.time_truncated:
            yield f"the {name} was ended by its time budget, so its open cells are undecided"
    if base.run.profile != head.run.profile:
        yield f"the profiles differ: {base.run.profile} and {head.run.profile}"
    for name in ("device", "dtype"):
        before, after = getattr(base.run, name), getattr(head.run, name)
        if before != after:
            yield f"the records differ in {name}: {before} and {after}"
    if base.read_from != head.read_from:
        yield (
            f"the records are of versions {base.read_from} and {head.read_from}: before 2.0 the tolerance bounded every "
            "coordinate, and since then it bounds the norm. So bias verdicts on problems with several parameters are not "
            "compared, nor are relative errors, angles and kinds; the biases of coordinates, variances and exponents are"
        )
    changed = [name for name in head.run.versions if base.run.versions.get(name) != head.run.versions[name]]
    if changed:
        moves = (f"{name} {base.run.versions.get(name)} -> {head.run.versions[name]}" for name in changed)
        yield f"the versions differ: {', '.join(moves)}"

"""A comparison as Markdown for a pull request, and as plain text; changes for the worse come first."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Mapping

from ..comparison.change import Change, Direction
from ..comparison.compare import Comparison
from ..comparison.sensitivity import PLANNED, Sensitivity
from .markdown_text import escape, fold, table, within
from .quantities import clip, count, number, percent

__all__ = ["FORMATS", "comparison_markdown", "comparison_text"]

_TITLES: Mapping[Direction, str] = {
    "worse": "Worse",
    "different": "Different",
    "lost": "No longer known",
    "gone": "Gone",
    "new": "New",
    "changed": "Changed",
    "better": "Better",
}
_URGENT = (_TITLES["worse"], _TITLES["different"], _TITLES["lost"])
_SHARE = 120_000  # bytes of a section, so that seven sections and the rest stay below the limit
_HOLDERS = "the records"
_BLINDEST = 10
_MOST_LINES = 20  # of a section that needs no attention, in text
_LEAST_P = 1e-300  # a smaller probability is written as smaller than this one
_LONGEST = {"name": 160, "note": 300}


def comparison_markdown(comparison: Comparison) -> str:
    """Return the comparison in GitHub-flavoured Markdown, shorter than `SIZE_LIMIT` bytes whatever its size."""
    lines = [f"## gradverify: {_headline(comparison)}", "", f"{_summary(comparison)}"]
    lines += ["", *(f"- {escape(each)}" for each in comparison.notes)] if comparison.notes else []
    for title, several in _sections(comparison):
        rows = [[text(change) for text in _COLUMNS.values()] for change in several]
        shown = table(tuple(_COLUMNS), rows, _SHARE, _HOLDERS)
        heading = f"{title} ({count(len(several))})"
        lines += ["", *([f"### {heading}", "", *shown] if title in _URGENT else fold(heading, shown))]
    seen, blindest = _describe_sensitivity(comparison), _blindest(comparison)
    return "\n".join([*lines, "", *(fold(seen, blindest) if blindest else [f"{seen}."])]) + "\n"


def comparison_text(comparison: Comparison) -> str:
    """Return the comparison in plain lines, for a terminal."""
    lines = [f"{_headline(comparison)}.", _summary(comparison), *(f"note: {each}" for each in comparison.notes)]
    for title, several in _sections(comparison):
        shown = several if title in _URGENT else several[:_MOST_LINES]
        lines += ["", f"{title} ({count(len(several))})"]
        lines += within(["  " + _sentence(each) for each in shown], _SHARE, _HOLDERS)
        if len(several) > len(shown):
            lines.append(f"  and {count(len(several) - len(shown))} more, in the records")
    return "\n".join([*lines, "", _describe_sensitivity(comparison)]) + "\n"


def _headline(comparison: Comparison) -> str:
    counts = {title: len(several) for title, several in _sections(comparison)}
    return comparison.meaning + (f" ({', '.join(f'{n} {title.lower()}' for title, n in counts.items())})" if counts else "")


def _summary(comparison: Comparison) -> str:
    same = comparison.num_identical
    margins = (
        "any difference counts"
        if comparison.same
        else f"a variance may change by {percent(comparison.margin)}, and no bias may grow significantly"
    )
    return (
        f"Both records hold {_cells(comparison.num_cells)}, of which {count(same)} {'is' if same == 1 else 'are'} equal bit by "
        f"bit; {margins}. The tests ({count(comparison.num_tests)}) share an error rate of {number(comparison.alpha)} (Holm); "
        f"verdicts keep those of their own runs ({number(comparison.base.alpha)} and {number(comparison.head.alpha)}). "
        f"Exit status {comparison.exit_status}: {comparison.meaning}."
    )


def _cells(number_of_cells: int) -> str:
    return f"{count(number_of_cells)} cell{'s' * (number_of_cells != 1)}"


def _sections(comparison: Comparison) -> Iterable[tuple[str, list[Change]]]:
    for direction, title in _TITLES.items():
        several = [each for each in comparison.changes if each.direction == direction and not each.advisory]
        if several:
            yield title, several
    advisory = [each for each in comparison.changes if each.advisory]
    if advisory:
        yield "Timing, for information", advisory


def _sentence(change: Change) -> str:
    where = f"{change.estimator} on {change.problem}" if change.problem else change.estimator
    values = f"{change.quantity} {_value(change.base) or 'none'} -> {_value(change.head) or 'none'}"
    interval, probability, why = _interval(change), _probability(change.p_value), _why(change)
    sign = "" if probability.startswith("<") else "= "
    effect = _effect(change, change.effect)
    figures = f" ({effect}, 95 % interval {interval}, p {sign}{probability})" if interval else ""
    return clip(f"{where}: {values}{figures}{'; ' if why else ''}{why}", 600)


def _why(change: Change) -> str:
    return clip("; ".join(filter(None, (change.method, change.note))), _LONGEST["note"])


def _probability(p_value: float | None) -> str:
    if p_value is None:
        return ""
    return f"< {_LEAST_P:g}" if p_value < _LEAST_P else number(p_value, digits=2)


def _value(value: str | float | None) -> str:
    return "" if value is None else (value if isinstance(value, str) else number(value, digits=4))


def _effect(change: Change, effect: float | None) -> str:
    """Write a relative change as a percentage, an exponent's as a number, a bias's as a percentage of the gradient's scale."""
    if effect is None:
        return ""
    sign = "+" if effect > 0 else ""
    return sign + (number(effect) if change.quantity == "exponent" else percent(effect))


def _interval(change: Change) -> str:
    """Write the interval of a tested change; leave it empty for a change that was not tested."""
    if change.interval is None or change.p_value is None:
        return ""
    return "[" + ", ".join(_effect(change, each) for each in change.interval) + "]"


_COLUMNS: Mapping[str, Callable[[Change], str]] = {
    "estimator": lambda change: clip(change.estimator, _LONGEST["name"]),
    "problem": lambda change: clip(change.problem, _LONGEST["name"]) or "all",
    "what": lambda change: change.quantity,
    "base": lambda change: _value(change.base),
    "head": lambda change: _value(change.head),
    "change": lambda change: _effect(change, change.effect),
    "95 % interval": lambda change: _interval(change),
    "p": lambda change: _probability(change.p_value),
    "rows": lambda change: "" if change.rows is None else " and ".join(map(count, change.rows)),
    "why": _why,
}
"""The table of changes: the heading of a column and the text of its cells."""


def _describe_sensitivity(comparison: Comparison) -> str:
    tested = comparison.sensitivities
    if not tested:
        return "No variance had to be tested"
    median = percent(statistics.median(each.detectable for each in tested))
    known = [each.rows_needed for each in tested if each.rows_needed is not None]
    rows = "" if not known else f"; for {percent(PLANNED)} it needs {count(statistics.median(known))} rows a side"
    return f"In the median cell, an increase of the variance by {median} would have been seen{rows}"


def _blindest(comparison: Comparison) -> list[str]:
    rows = [[text(cell) for text in _SENSITIVITY_COLUMNS.values()] for cell in comparison.sensitivities[:_BLINDEST]]
    more = len(comparison.sensitivities) - len(rows)
    tail = ["", f"{count(more)} more cells would have seen smaller increases."] if more else []
    return [*table(tuple(_SENSITIVITY_COLUMNS), rows, _SHARE, _HOLDERS), *tail] if rows else []


_SENSITIVITY_COLUMNS: Mapping[str, Callable[[Sensitivity], str]] = {
    "estimator": lambda cell: clip(cell.estimator, _LONGEST["name"]),
    "problem": lambda cell: clip(cell.problem, _LONGEST["name"]),
    "rows": lambda cell: " and ".join(map(count, cell.rows)),
    "least increase seen (power 0.9)": lambda cell: percent(cell.detectable),
    f"rows a side for {percent(PLANNED)}": lambda cell: count(cell.rows_needed) if cell.rows_needed is not None else "",
}
"""The table of the least sensitive tests: the heading of a column and the text of its cells."""


FORMATS: dict[str, Callable[[Comparison], str]] = {"markdown": comparison_markdown, "text": comparison_text}
"""The formats of a comparison: the function that writes each."""

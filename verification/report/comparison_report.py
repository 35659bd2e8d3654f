"""A comparison as Markdown for a pull request, and as plain text: what is worse comes first."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable

from ..comparison.change import Change
from ..comparison.compare import Comparison
from ..comparison.sensitivity import PLANNED, Sensitivity
from .markdown_text import escape, folded, table, within
from .quantities import clip, count, number, percent

__all__ = ["FORMATS", "comparison_markdown", "comparison_text"]

_TITLES = {
    "worse": "Worse",
    "different": "Different",
    "lost": "No longer known",
    "gone": "Gone",
    "new": "New",
    "changed": "Changed",
    "better": "Better",
}
_URGENT = (_TITLES["worse"], _TITLES["different"], _TITLES["lost"])
_SHARE = 120_000  # bytes of a section; seven sections and the rest stay below the limit
_ELSEWHERE = "more are left out here; the records hold them."
_BLINDEST = 10
_MOST_LINES = 20  # of what needs no attention, in text
_LEAST_P = 1e-300  # smaller ones are not told apart from zero
_LONGEST = {"name": 160, "note": 300}
_COLUMNS = ("estimator", "problem", "what", "base", "head", "change", "95 % interval", "p", "rows", "why")


def comparison_markdown(comparison: Comparison) -> str:
    """The comparison in GitHub-flavoured Markdown, under `SIZE_LIMIT` bytes whatever its size."""
    lines = [f"## gradverify: {_headline(comparison)}", "", f"{_summary(comparison)}"]
    lines += ["", *(f"- {escape(each)}" for each in comparison.notes)] if comparison.notes else []
    for title, several in _sections(comparison):
        shown = table(_COLUMNS, map(_cells, several), _SHARE, _ELSEWHERE)
        heading = f"{title} ({count(len(several))})"
        lines += ["", *([f"### {heading}", "", *shown] if title in _URGENT else folded(heading, shown))]
    seen, blindest = _seen(comparison), _blindest(comparison)
    return "\n".join([*lines, "", *(folded(seen, blindest) if blindest else [f"{seen}."])]) + "\n"


def comparison_text(comparison: Comparison) -> str:
    """The comparison in plain lines, for a terminal."""
    lines = [f"{_headline(comparison)}.", _summary(comparison), *(f"note: {each}" for each in comparison.notes)]
    for title, several in _sections(comparison):
        shown = several if title in _URGENT else several[:_MOST_LINES]
        lines += ["", f"{title} ({count(len(several))})"]
        lines += within(["  " + _sentence(each) for each in shown], _SHARE, _ELSEWHERE)
        if len(several) > len(shown):
            lines.append(f"  and {count(len(several) - len(shown))} more, in the records")
    return "\n".join([*lines, "", _seen(comparison)]) + "\n"


def _headline(comparison: Comparison) -> str:
    counts = {title: len(several) for title, several in _sections(comparison)}
    return comparison.meaning + (f" ({', '.join(f'{n} {title.lower()}' for title, n in counts.items())})" if counts else "")


def _summary(comparison: Comparison) -> str:
    same = comparison.num_identical
    margins = (
        "any difference counts"
        if comparison.same
        else f"a variance may change by {percent(comparison.margin)}, a bias by {percent(comparison.tolerance)} of its scale"
    )
    return (
        f"{count(comparison.num_cells)} cells in both, {count(same)} of them equal bit by bit; {margins}. "
        f"{count(comparison.num_tests)} tests share an error rate of {number(comparison.alpha)} (Holm); verdicts keep those of "
        f"their own runs ({number(comparison.base.alpha)} and {number(comparison.head.alpha)}). "
        f"Exit status {comparison.exit_status}: {comparison.meaning}."
    )


def _sections(comparison: Comparison) -> Iterable[tuple[str, list[Change]]]:
    for direction, title in _TITLES.items():
        several = [each for each in comparison.changes if each.direction == direction and not each.advisory]
        if several:
            yield title, several
    advisory = [each for each in comparison.changes if each.advisory]
    if advisory:
        yield "Timing, for information", advisory


def _cells(change: Change) -> list[str]:
    return [
        clip(change.estimator, _LONGEST["name"]),
        clip(change.problem, _LONGEST["name"]) or "all",
        change.quantity,
        _value(change.base),
        _value(change.head),
        _effect(change, change.effect),
        "" if change.interval is None or change.p_value is None else _interval(change),
        _probability(change.p_value),
        "" if change.rows is None else " and ".join(map(count, change.rows)),
        clip("; ".join(each for each in (change.method, change.note) if each), _LONGEST["note"]),
    ]


def _sentence(change: Change) -> str:
    where = f"{change.estimator} on {change.problem}" if change.problem else change.estimator
    values = f"{change.quantity} {_value(change.base) or 'none'} -> {_value(change.head) or 'none'}"
    cells = _cells(change)
    sign = "" if cells[7].startswith("<") else "= "
    figures = f" ({cells[5]}, 95 % interval {cells[6]}, p {sign}{cells[7]})" if cells[6] else ""
    return clip(f"{where}: {values}{figures}{'; ' if cells[9] else ''}{cells[9]}", 600)


def _probability(p_value: float | None) -> str:
    if p_value is None:
        return ""
    return f"< {_LEAST_P:g}" if p_value < _LEAST_P else number(p_value, digits=2)


def _value(value: str | float | None) -> str:
    return "" if value is None else (value if isinstance(value, str) else number(value, digits=4))


def _effect(change: Change, effect: float | None) -> str:
    """A relative change as a percentage; an exponent's as a number; a bias's as a percentage of the gradient's scale."""
    if effect is None:
        return ""
    sign = "+" if effect > 0 else ""
    return sign + (number(effect) if change.quantity == "exponent" else percent(effect))


def _interval(change: Change) -> str:
    assert change.interval is not None
    return "[" + ", ".join(_effect(change, each) for each in change.interval) + "]"


def _seen(comparison: Comparison) -> str:
    tested = comparison.sensitivities
    if not tested:
        return "No variance had to be tested"
    median = percent(statistics.median(each.detectable for each in tested))
    known = [each.rows_needed for each in tested if each.rows_needed is not None]
    rows = "" if not known else f"; for {percent(PLANNED)} the median cell needs {count(statistics.median(known))} rows a side"
    return f"What would have been seen: in the median cell an increase of the variance by {median}{rows}"


def _blindest(comparison: Comparison) -> list[str]:
    columns = (
        "estimator",
        "problem",
        "rows",
        "least increase seen (power 0.9)",
        f"rows a side for {percent(PLANNED)}",
    )
    rows = [_sensitivity(each) for each in comparison.sensitivities[:_BLINDEST]]
    more = len(comparison.sensitivities) - len(rows)
    tail = ["", f"{count(more)} more cells see smaller ones."] if more else []
    return [*table(columns, rows, _SHARE, _ELSEWHERE), *tail] if rows else []


def _sensitivity(each: Sensitivity) -> list[str]:
    return [
        clip(each.estimator, _LONGEST["name"]),
        clip(each.problem, _LONGEST["name"]),
        " and ".join(map(count, each.rows)),
        percent(each.detectable),
        count(each.rows_needed) if each.rows_needed is not None else "",
    ]


FORMATS: dict[str, Callable[[Comparison], str]] = {"markdown": comparison_markdown, "text": comparison_text}
"""How a comparison can be written."""

"""The record as Markdown for a step summary: failures first, every section within its share of one MiB."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..record import Record
from ..study import Study
from .overview import (
    KINDS,
    REFERENCES,
    Finding,
    cell_line,
    exit_status,
    findings,
    grid,
    headline,
    meaning,
    outcome_counts,
)
from .quantities import clip, count, duration, number, percent, span

__all__ = ["SIZE_LIMIT", "to_markdown"]

SIZE_LIMIT = 2**20
"""What a step summary may hold, in bytes."""

_SHARES = {"refuted": 300_000, "failed": 150_000, "not run": 100_000, "inconclusive": 100_000, "warning": 50_000}
_TABLE_SHARE = 150_000
_EXPONENT_SHARE = 50_000
_STUDY_SHARE = 60_000
_MOST_STUDIES = 4
_MOST_CELLS = 60
_MOST_FAMILIES = 40
_LONGEST = {"name": 160, "note": 400, "replay": 600}


def to_markdown(record: Record) -> str:
    """The report in Markdown, under `SIZE_LIMIT` bytes whatever the record's size.

    Args:
        record: What to show.

    Returns:
        GitHub-flavoured Markdown ending in a newline.
    """
    lines = [*_head(record)]
    for kind, several in findings(record).items():
        lines += ["", f"## {KINDS[kind]} ({len(several)})", ""]
        lines += _table(_FINDING_COLUMNS, map(_finding_row, several), _SHARES[kind])
        lines += _replays(several) if kind in ("refuted", "failed") else []
    cells = [each for each in record.cells if each.estimator != REFERENCES]
    if 0 < len(cells) <= _MOST_CELLS:
        rows = [
            [clip(each.estimator, _LONGEST["name"]), clip(each.problem, _LONGEST["name"]), cell_line(each)] for each in cells
        ]
        lines += ["", "## What was found", "", *_table(("estimator", "problem", "found"), rows, _TABLE_SHARE)]
    for study in record.studies[:_MOST_STUDIES]:
        lines += ["", f"## {_escape(study.title)}", "", *_study(study)]
    if record.cells:
        lines += ["", "## Outcomes", "", *_outcomes(record)]
        lines += ["", "## Bias, by estimator and family of problems", "", *_grid(record)]
    if record.families:
        lines += ["", "## How the variance grows", "", *_exponents(record)]
    return "\n".join(lines) + "\n"


_FINDING_COLUMNS = (
    "estimator",
    "problem",
    "check",
    "outcome",
    "estimate",
    "interval",
    "relative",
    "rows",
    "reference",
    "why",
)


def _head(record: Record) -> list[str]:
    run, status = record.run, exit_status(record)
    facts = [
        f"profile {run.profile}",
        f"tolerance {percent(run.tolerance)}",
        f"alpha {number(run.alpha)}",
        f"seed {run.seed}",
        f"{run.device} {run.dtype}",
        f"{count(len(record.cells))} cells",
    ]
    seconds = run.timing.get("seconds")
    facts += [duration(seconds)] if seconds is not None else []
    truncated = "\n\nThe time budget ended this run, so another run may decide other cells." if run.time_truncated else ""
    return [
        f"# gradverify: {headline(record)}",
        "",
        f"Exit status {status}: {meaning(record)}.",
        "",
        " · ".join(_escape(each) for each in facts) + truncated,
        "",
        _code(clip(run.command, _LONGEST["replay"])),
    ]


def _finding_row(finding: Finding) -> list[str]:
    cell, check = finding.cell, finding.check
    reason = str(check.details.get("reason") or "")
    why = ": ".join(each for each in (reason, check.note) if each)
    return [
        clip(cell.estimator, _LONGEST["name"]),
        clip(cell.problem, _LONGEST["name"]),
        check.check,
        check.outcome,
        number(check.estimate),
        span(check.interval),
        percent(check.relative),
        count(check.num_samples),
        clip(check.reference, _LONGEST["name"]),
        clip(why, _LONGEST["note"]),
    ]


def _replays(several: Sequence[Finding]) -> list[str]:
    commands = dict.fromkeys(_code(clip(each.cell.replay, _LONGEST["replay"])) for each in several if each.cell.replay)
    if not commands:
        return []
    body = _within([f"- {each}" for each in commands], _SHARES["failed"] // 3)
    return ["", "<details><summary>Commands that repeat these cells</summary>", "", *body, "", "</details>"]


def _outcomes(record: Record) -> list[str]:
    rows = (
        [check, ", ".join(f"{count(n)} {outcome}" for outcome, n in counts.most_common())]
        for check, counts in outcome_counts(record).items()
    )
    return _table(("check", "outcomes"), rows, _EXPONENT_SHARE)


def _grid(record: Record) -> list[str]:
    shown = grid(record)
    families = shown.families[:_MOST_FAMILIES]
    rows = (
        [clip(estimator, _LONGEST["name"])]
        + [", ".join(f"{n} {word}" for word, n in shown.counts.get((estimator, family), {}).items()) for family in families]
        for estimator in shown.estimators
    )
    lines = _table(("estimator", *(clip(family, _LONGEST["name"]) for family in families)), rows, _TABLE_SHARE)
    refuted = any(word.endswith("!") for counts in shown.counts.values() for word in counts)
    lines += ["", "A word with ! is a refuted claim."] if refuted else []
    hidden = len(shown.families) - len(families)
    return lines + (["", f"{count(hidden)} more families stand in report.html."] if hidden else [])


def _exponents(record: Record) -> list[str]:
    rows = (
        [
            clip(each.estimator, _LONGEST["name"]),
            clip(each.family, _LONGEST["name"]),
            number(each.exponent),
            span(each.interval),
            each.outcome,
            each.claim,
            clip(each.note, _LONGEST["note"]),
        ]
        for each in record.families
    )
    return _table(("estimator", "family", "exponent", "95 % interval", "fit", "claim", "note"), rows, _EXPONENT_SHARE)


def _study(study: Study) -> list[str]:
    share = _STUDY_SHARE // (2 + len(study.exhibits.tables) + len(study.timing.tables))
    lines = [line for each in study.text for line in (_escape(each), "")]
    if study.statements:
        rows = ([each.claim, each.outcome, each.measured, each.note] for each in study.statements)
        lines += [*_table(("claim", "outcome", "measured", "note"), rows, share), ""]
    for table in (*study.exhibits.tables, *study.timing.tables):
        shown = ([number(value, digits=5) for value in row] for row in table.rows)
        lines += [f"### {_escape(table.title)}", "", *_table(table.columns, shown, share)]
        lines += ["", *([_escape(table.caption), ""] if table.caption else [])]
    return _within(lines[:-1], _STUDY_SHARE)


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]], share: int) -> list[str]:
    head = [_row(columns), "|" + " --- |" * len(columns)]
    return head + _within([_row(each) for each in rows], share)


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(_escape(each) for each in cells) + " |"


def _within(lines: list[str], share: int) -> list[str]:
    kept: list[str] = []
    used = 0
    for line in lines:
        used += len(line.encode("utf-8", "replace")) + 1
        if used > share:
            return [*kept, "", f"{count(len(lines) - len(kept))} more lines stand in report.html and report.json."]
        kept.append(line)
    return kept


def _escape(text: str) -> str:
    """Text that Markdown and HTML leave as it is, on one line."""
    flat = " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    for mark in "\\`*_[]|~#":
        flat = flat.replace(mark, "\\" + mark)
    return flat


def _code(text: str) -> str:
    """A code span: the fence is longer than any run of backticks inside."""
    fence = "`"
    while fence in text:
        fence += "`"
    padding = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{padding}{text}{padding}{fence}" if text else ""

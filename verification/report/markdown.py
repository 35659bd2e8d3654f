"""The record as Markdown for a step summary: failures first, and every section within its share of one MiB."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from ..record.record import Check, Record
from ..record.study import Study
from ..verdicts import CellWord
from .cell_words import answer, cell_line
from .exponents import COLUMNS as EXPONENTS
from .exponents import exponent_rows, fits
from .gradient_words import bias_facts
from .markdown_text import code, escape, fold, table, within
from .origins import COLUMNS as ORIGINS
from .origins import TITLE, origin_rows
from .overview import (
    KINDS,
    REFERENCES,
    Attention,
    Finding,
    count_words,
    exit_status,
    findings,
    grid,
    headline,
    judges,
    meaning,
    outcome_counts,
)
from .quantities import MISSING, clip, count, duration, number, percent, span
from .undecided import undecided_line

__all__ = ["to_markdown"]

_SHARES: Mapping[Attention, int] = {
    "refuted": 300_000,
    "failed": 150_000,
    "not run": 100_000,
    "inconclusive": 100_000,
    "warning": 50_000,
}
_TABLE_SHARE = 150_000
_EXPONENT_SHARE = 50_000
_STUDY_SHARE = 60_000
_MOST_STUDIES = 4
_MOST_CELLS = 60
_MOST_FAMILIES = 40
_LONGEST = {"name": 160, "note": 400, "replay": 600}


def to_markdown(record: Record) -> str:
    """Return the report in Markdown, shorter than `SIZE_LIMIT` bytes whatever the record's size.

    Args:
        record: What to show.

    Returns:
        GitHub-flavoured Markdown ending in a newline.
    """
    lines = [*_head(record)]
    for kind, several in findings(record).items():
        lines += ["", f"## {KINDS[kind]} ({len(several)})", ""]
        lines += [escape(undecided_line(record)), ""] if kind == "inconclusive" else []
        rows = [[text(finding) for text in _FINDING_COLUMNS.values()] for finding in several]
        lines += table(tuple(_FINDING_COLUMNS), rows, _SHARES[kind])
        lines += _replays(several) if kind in ("refuted", "failed") else []
    cells = [each for each in record.cells if each.estimator != REFERENCES]
    if 0 < len(cells) <= _MOST_CELLS:
        rows = [
            [clip(each.estimator, _LONGEST["name"]), clip(each.problem, _LONGEST["name"]), cell_line(each)] for each in cells
        ]
        lines += ["", "## Verdicts", "", *table(("estimator", "problem", "verdict"), rows, _TABLE_SHARE)]
    if origins := origin_rows(record):
        lines += ["", f"## {TITLE}", "", *table(tuple(ORIGINS), origins, _EXPONENT_SHARE)]
    for study in record.studies[:_MOST_STUDIES]:
        lines += ["", f"## {escape(study.title)}", "", *_study(study)]
    if record.cells:
        lines += ["", "## Outcomes", "", *_outcomes(record)]
        lines += ["", "## Bias, by estimator and family of problems", "", *_grid(record)]
    if record.families:
        lines += ["", "## How the variance grows", "", *([escape(explanation), ""] if (explanation := fits(record)) else [])]
        lines += table(tuple(EXPONENTS), exponent_rows(record), _EXPONENT_SHARE)
    return "\n".join(lines) + "\n"


def _head(record: Record) -> list[str]:
    run, status = record.run, exit_status(record)
    judged = [f"tolerance {percent(run.tolerance)}", f"alpha {number(run.alpha)}", f"{count(len(record.cells))} cells"]
    facts = [f"profile {run.profile}", *(judged if judges(record) else []), f"seed {run.seed}", f"{run.device} {run.dtype}"]
    seconds = run.timing.get("seconds")
    facts += [duration(seconds)] if seconds is not None else []
    truncated = "\n\nThe time budget ended this run, so another run may decide other cells." if run.time_truncated else ""
    return [
        f"# gradverify: {headline(record)}",
        "",
        f"Exit status {status}: {meaning(record)}.",
        "",
        " · ".join(escape(each) for each in facts) + truncated,
        "",
        code(clip(run.command, _LONGEST["replay"])),
    ]


def _why(finding: Finding) -> str:
    check = finding.check
    return ": ".join(filter(None, (str(check.details.get("reason") or ""), check.note)))


def _figures(check: Check) -> list[str]:
    """Return the figures of a bias, or the estimate of any other check with its interval."""
    if check.check == "bias" and check.outcome in ("biased", "unbiased", "inconclusive"):
        return bias_facts(check)
    if check.estimate is None:
        return []
    return [number(check.estimate) + (f" in {span(check.interval)}" if check.interval is not None else "")]


_FINDING_COLUMNS: Mapping[str, Callable[[Finding], str]] = {
    "estimator": lambda finding: clip(finding.cell.estimator, _LONGEST["name"]),
    "problem": lambda finding: clip(finding.cell.problem, _LONGEST["name"]),
    "check": lambda finding: finding.check.check,
    "outcome": lambda finding: answer(finding.check) if finding.check.outcome == "biased" else finding.check.outcome,
    "figures": lambda finding: "; ".join(_figures(finding.check)) or MISSING,
    "rows": lambda finding: count(finding.check.num_samples),
    "reference": lambda finding: clip(finding.check.reference, _LONGEST["name"]),
    "why": lambda finding: clip(_why(finding), _LONGEST["note"]),
}
"""The table of findings: the heading of a column and the text of its cells."""


def _replays(several: Sequence[Finding]) -> list[str]:
    commands = dict.fromkeys(code(clip(each.cell.replay, _LONGEST["replay"])) for each in several if each.cell.replay)
    if not commands:
        return []
    body = within([f"- {each}" for each in commands], _SHARES["failed"] // 3)
    return ["", *fold("Commands that repeat these cells", body)]


def _outcomes(record: Record) -> list[str]:
    rows = ([check, count_words(counts)] for check, counts in outcome_counts(record).items())
    return table(("check", "outcomes"), rows, _EXPONENT_SHARE)


def _grid(record: Record) -> list[str]:
    shown = grid(record)
    families = shown.families[:_MOST_FAMILIES]
    rows = (
        [clip(estimator, _LONGEST["name"])] + [_grid_cell(shown.counts.get((estimator, family), {})) for family in families]
        for estimator in shown.estimators
    )
    lines = table(("estimator", *(clip(family, _LONGEST["name"]) for family in families)), rows, _TABLE_SHARE)
    lines += ["", "An exclamation mark marks a refuted claim."] if shown.has_refuted else []
    hidden = len(shown.families) - len(families)
    return lines + (["", f"report.html shows {count(hidden)} more families."] if hidden else [])


def _grid_cell(counts: Mapping[tuple[CellWord, bool], int]) -> str:
    return ", ".join(f"{n} {word}{'!' * refuted}" for (word, refuted), n in counts.items())


def _study(study: Study) -> list[str]:
    share = _STUDY_SHARE // (2 + len(study.exhibits.tables) + len(study.timing.tables))
    lines = [line for each in study.text for line in (escape(each), "")]
    if study.statements:
        rows = ([each.claim, each.outcome, each.measured, each.note] for each in study.statements)
        lines += [*table(("claim", "outcome", "measured", "note"), rows, share), ""]
    for each in (*study.exhibits.tables, *study.timing.tables):
        shown = ([number(value, digits=5) for value in row] for row in each.rows)
        lines += [f"### {escape(each.title)}", "", *table(each.columns, shown, share)]
        lines += ["", *([escape(each.caption), ""] if each.caption else [])]
    return within(lines[:-1], _STUDY_SHARE)

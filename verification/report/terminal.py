"""The record on a terminal: counts of outcomes, then only what needs attention, then estimators by families."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from textwrap import wrap
from typing import TypeVar

from ..record.record import Record
from ..record.study import Study, Table
from ..verdicts import CellWord
from .cell_words import answer, cell_line
from .gradient_words import bias_facts
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
    meaning,
    outcome_counts,
)
from .quantities import clip, count, number, shorten, span
from .undecided import detectable_bias, undecided_line

__all__ = ["render"]

MOST_FINDINGS = 20
"""The number of findings of a kind that are listed; the others are count_words."""

MOST_CELLS = 12
"""The largest number of cells of which each gets a line of its own; of more, only those that need attention do."""

MOST_ROWS = 24
"""The length of the longest table of a study that is shown; longer ones are left to the report."""

LONGEST_TEXT = 40
"""The length of the longest text in a table; a study's table with longer texts is written as lines of text."""

_LETTERS: Mapping[CellWord, str] = {
    "unbiased": "U",
    "biased": "B",
    "inconclusive": "?",
    "no-gradient": "N",
    "not-applicable": "-",
    "failed": "F",
    "crashed": "X",
    "timeout": "T",
}
_STYLES: Mapping[Attention, str] = {
    "refuted": "bold red",
    "failed": "bold red",
    "not run": "red",
    "inconclusive": "yellow",
    "warning": "yellow",
}

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")

_Line = tuple[str, str]
_Key = TypeVar("_Key")


def render(record: Record, width: int = 80, *, styled: bool = False) -> str:
    """Return the summary of a record for standard output.

    Args:
        record: What to show.
        width: Columns of the terminal.
        styled: Add colours and bold type with rich, which must be installed; otherwise the text is plain.

    Returns:
        Lines of at most `width` columns where words allow, ending in a newline.
    """
    # A name or a note may hold control characters, which a terminal would obey.
    lines = [(_CONTROL.sub("\ufffd", text).rstrip(), style) for text, style in _lines(record, max(width, 40))]
    if not styled:
        return "\n".join(text for text, _ in lines) + "\n"
    return _style(lines, width)


def _lines(record: Record, width: int) -> Iterator[_Line]:
    status = exit_status(record)
    yield from _wrap(_capitalise(headline(record)) + ".", width, style="bold green" if status == 0 else "bold")
    yield "", ""
    for check, counts in outcome_counts(record).items():
        yield from _wrap(f"{check.replace('_', ' '):<18}{count_words(counts)}", width, indent=18)
    for kind, several in findings(record).items():
        yield "", ""
        yield f"{KINDS[kind]} ({len(several)})", _STYLES[kind]
        for finding in several[:MOST_FINDINGS]:
            yield from _finding(finding, width, with_replay=kind in ("refuted", "failed"))
        if len(several) > MOST_FINDINGS:
            yield f"  and {count(len(several) - MOST_FINDINGS)} more, listed in the report", ""
    yield from _origins(record, width)
    for study in record.studies:
        yield "", ""
        yield from _study(study, width)
    yield "", ""
    yield from _cells(record, width)
    yield from _grid(record, width)
    if undecided := undecided_line(record):
        yield from _wrap(undecided, width, style="yellow")
    yield from _wrap(f"Exit status {status}: {meaning(record)}.", width, style="bold")


def _cells(record: Record, width: int) -> Iterator[_Line]:
    """Write a line for each cell, if there are few."""
    cells = [each for each in record.cells if each.estimator != REFERENCES]
    if not 0 < len(cells) <= MOST_CELLS:
        return
    for each in cells:
        yield from _wrap(f"{each.estimator} on {each.problem}: {cell_line(each)}", width, indent=2)
    yield "", ""


def _origins(record: Record, width: int) -> Iterator[_Line]:
    """Write where biases enter, if the run searched for that."""
    rows = origin_rows(record)
    if not rows:
        return
    yield "", ""
    yield TITLE, "bold"
    for estimator, problem, _, why in rows[:MOST_FINDINGS]:
        yield from _wrap(f"  {estimator} on {problem}: {why}", width, indent=4)
    if len(rows) > MOST_FINDINGS:
        yield f"  and {count(len(rows) - MOST_FINDINGS)} more, listed in the report", ""


def _study(study: Study, width: int) -> Iterator[_Line]:
    """Write a study's statements, and those of its tables that are short enough."""
    yield study.title, "bold"
    for each in study.statements:
        note = f" {each.note}" if each.note else ""
        yield from _wrap(f"  {each.outcome:<6}{each.claim} Measured: {each.measured}.{note}", width, indent=8)
    for table in (*study.exhibits.tables, *study.timing.tables):
        yield "", ""
        yield from _wrap(f"  {table.title}", width, indent=4)
        yield from _table(table, width)


def _table(table: Table, width: int) -> Iterator[_Line]:
    """Write a table's rows in columns, in blocks that fit, or as lines of text if one of its texts is long."""
    if len(table.rows) > MOST_ROWS:
        yield f"    {count(len(table.rows))} rows, which the report lists (--out)", ""
        return
    texts = [table.columns, *([number(value, digits=5) for value in row] for row in table.rows)]
    rooms = [max(len(words[at]) for words in texts) for at in range(len(table.columns))]
    lead = _lead(table)
    first = sum(rooms[:lead]) + 2 * lead
    if max(rooms) > LONGEST_TEXT or first + max(rooms[lead:], default=0) + 2 > width:
        for row in texts[1:]:
            facts = (f"{name}: {text}" for name, text in zip(table.columns, row, strict=True))
            yield from _wrap("    " + "; ".join(facts), width, indent=6)
        return
    for block in _blocks(dict(list(enumerate(rooms))[lead:]), width - first):
        for line, words in enumerate(texts):
            shown = _row("", 0, [(words[at], rooms[at]) for at in (*range(lead), *block)])
            yield shown.rstrip(), "" if line else "bold"


def _lead(table: Table) -> int:
    """Return the number of columns that every block repeats to tell rows apart: those before the first number, at least one."""
    for at in range(len(table.columns)):
        if any(isinstance(row[at], (int, float)) and not isinstance(row[at], bool) for row in table.rows):
            return max(at, 1)
    return 1


def _finding(finding: Finding, width: int, *, with_replay: bool) -> Iterator[_Line]:
    cell, check = finding.cell, finding.check
    reason = check.details.get("reason")
    name = f"{cell.estimator} on {cell.problem}: {answer(check)}" + (f" ({reason})" if reason else "")
    facts = _render_undecided(finding) if finding.kind == "inconclusive" else _render_decided(finding)
    facts += [clip(check.note, 300)] if check.note else []
    yield from _wrap(f"  {name}{'; ' * bool(facts)}{'; '.join(facts)}", width, indent=4)
    if with_replay and cell.replay:
        # Never wrapped: a command must survive copy and paste.
        yield f"    {clip(cell.replay, 1000)}", "dim"


def _render_decided(finding: Finding) -> list[str]:
    check = finding.check
    if check.check == "bias":
        facts = bias_facts(check)
        facts += [str(check.details["material"])] if check.outcome == "biased" and check.details.get("material") else []
    else:
        facts = [f"{number(check.estimate)} in {span(check.interval)}"] if check.interval is not None else []
    facts += [f"{count(check.num_samples)} rows"] if check.num_samples else []
    return facts


def _render_undecided(finding: Finding) -> list[str]:
    check = finding.check
    facts = [detectable_bias(check.detectable)] if check.detectable is not None else []
    needed = check.details.get("rows_needed")
    return facts + ([f"{count(needed)} rows would decide"] if needed else [])


def _grid(record: Record, width: int) -> Iterator[_Line]:
    shown = grid(record)
    if not shown.estimators:
        return
    first = min(max(len(each) for each in (*shown.estimators, "estimator")), max(width // 3, 16))
    texts = {
        place: " ".join(f"{n}{_letter(word, refuted)}" for (word, refuted), n in counts.items())
        for place, counts in shown.counts.items()
    }
    columns = {
        family: max(len(shorten(family, 20)), *(len(texts.get((each, family), "")) for each in shown.estimators))
        for family in shown.families
    }
    for block in _blocks(columns, width - first):
        yield _row("estimator", first, [(shorten(family, 20), columns[family]) for family in block]), "bold"
        for estimator in shown.estimators:
            row = [(texts.get((estimator, family), ""), columns[family]) for family in block]
            if any(text for text, _ in row):
                yield _row(shorten(estimator, first), first, row), ""
        yield "", ""
    words = {word for counts in shown.counts.values() for word, _ in counts}
    explained: tuple[CellWord, ...] = (*_LETTERS, "not tested")
    key = [f"{_letter(word)} {word}" for word in explained if word in words]
    yield from _wrap("Bias: " + ", ".join(key + ["! claim refuted"] * shown.has_refuted) + ".", width, style="dim")


def _capitalise(text: str) -> str:
    return text[:1].upper() + text[1:]


def _letter(word: CellWord, refuted: bool = False) -> str:
    return _LETTERS.get(word, ".") + "!" * refuted


def _row(first: str, room: int, columns: Iterable[tuple[str, int]]) -> str:
    return f"{first:<{room}}" + "".join(f"  {text:<{width}}" for text, width in columns)


def _blocks(columns: Mapping[_Key, int], room: int) -> Iterator[list[_Key]]:
    """Split the columns into as many blocks as the width demands, with at least one column in each."""
    block: list[_Key] = []
    used = 0
    for name, width in columns.items():
        if block and used + width + 2 > room:
            yield block
            block, used = [], 0
        block.append(name)
        used += width + 2
    yield block


def _wrap(text: str, width: int, *, indent: int = 0, style: str = "") -> Iterator[_Line]:
    lead = len(text) - len(text.lstrip())
    lines = wrap(text.strip(), width - lead, subsequent_indent=" " * (indent - lead), break_on_hyphens=False)
    for line in lines or [""]:
        yield " " * lead + line, style


def _style(lines: Sequence[_Line], width: int) -> str:
    import io

    from rich.console import Console
    from rich.text import Text

    console = Console(file=io.StringIO(), force_terminal=True, width=width, highlight=False)
    with console.capture() as captured:
        for text, style in lines:
            console.print(Text(text, style=style), soft_wrap=True)
    return captured.get()

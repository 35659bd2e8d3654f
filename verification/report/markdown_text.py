"""Text and tables as GitHub-flavoured Markdown that no name can break and no length can swell."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from .quantities import count

__all__ = ["SIZE_LIMIT", "code", "escape", "folded", "row", "table", "within"]

SIZE_LIMIT = 2**20
"""What a step summary may hold, in bytes."""

_ELSEWHERE = "more lines stand in report.html and report.json."


def escape(text: str) -> str:
    """Text that Markdown and HTML leave as it is, on one line."""
    flat = " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    for mark in "\\`*_[]|~#":
        flat = flat.replace(mark, "\\" + mark)
    return flat


def code(text: str) -> str:
    """A code span: the fence is longer than any run of backticks inside."""
    fence = "`"
    while fence in text:
        fence += "`"
    padding = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{padding}{text}{padding}{fence}" if text else ""


def table(columns: Sequence[str], rows: Iterable[Sequence[str]], share: int, elsewhere: str = _ELSEWHERE) -> list[str]:
    """A table of as many rows as fit into `share` bytes, and a word on the others."""
    return [row(columns), "|" + " --- |" * len(columns), *within([row(each) for each in rows], share, elsewhere)]


def row(cells: Iterable[str]) -> str:
    """One line of a table."""
    return "| " + " | ".join(map(escape, cells)) + " |"


def folded(summary: str, lines: Iterable[str]) -> list[str]:
    """Lines that a reader unfolds."""
    return [f"<details><summary>{summary}</summary>", "", *lines, "", "</details>"]


def within(lines: Sequence[str], share: int, elsewhere: str = _ELSEWHERE) -> list[str]:
    """As many lines as fit into `share` bytes, and where the others stand."""
    kept: list[str] = []
    used = 0
    for line in lines:
        used += len(line.encode("utf-8", "replace")) + 1
        if used > share:
            return [*kept, "", f"{count(len(lines) - len(kept))} {elsewhere}"]
        kept.append(line)
    return kept

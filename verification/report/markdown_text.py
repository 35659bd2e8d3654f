"""Text and tables as GitHub-flavoured Markdown that no name can break and that stays within a size."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from .quantities import count

__all__ = ["SIZE_LIMIT", "code", "escape", "fold", "row", "table", "within"]

SIZE_LIMIT = 2**20
"""The size limit of a step summary, in bytes."""

_HOLDERS = "report.html and report.json"


def escape(text: str) -> str:
    """Escape a text so that Markdown and HTML show it as it is, on one line."""
    flat = " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    for mark in "\\`*_[]|~#":
        flat = flat.replace(mark, "\\" + mark)
    return flat


def code(text: str) -> str:
    """Return a code span, with a fence that is longer than any run of backticks inside."""
    fence = "`"
    while fence in text:
        fence += "`"
    padding = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{padding}{text}{padding}{fence}" if text else ""


def table(columns: Sequence[str], rows: Iterable[Sequence[str]], share: int, holders: str = _HOLDERS) -> list[str]:
    """Return a table of as many rows as fit into `share` bytes, and a line that counts the others."""
    return [row(columns), "|" + " --- |" * len(columns), *within([row(each) for each in rows], share, holders)]


def row(cells: Iterable[str]) -> str:
    """Return one line of a table."""
    return "| " + " | ".join(map(escape, cells)) + " |"


def fold(summary: str, lines: Iterable[str]) -> list[str]:
    """Fold lines away under a summary that a reader can open."""
    return [f"<details><summary>{summary}</summary>", "", *lines, "", "</details>"]


def within(lines: Sequence[str], share: int, holders: str = _HOLDERS) -> list[str]:
    """Return as many lines as fit into `share` bytes, and a line that counts the others and names the files that hold them."""
    kept: list[str] = []
    used = 0
    for line in lines:
        used += len(line.encode("utf-8", "replace")) + 1
        if used > share:
            return [*kept, "", f"Lines left out here: {count(len(lines) - len(kept))}; {holders} hold them."]
        kept.append(line)
    return kept

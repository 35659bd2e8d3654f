"""Reports of a record: Markdown, JUnit, one HTML page, pictures, and lines for a terminal.

A report computes nothing: the record holds everything that it shows.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path

from ..record.record import Record, schema, write_atomically
from .junit import to_junit
from .markdown import to_markdown
from .overview import exit_status
from .terminal import render

__all__ = ["PAGES", "exit_status", "remove_stale", "render", "validate", "write_reports"]

PAGES = ("report.md", "junit.xml", "report.html")
"""The names of the pages that stand in a folder beside the pictures."""

_FIGURES = (".svg", ".png")
_NEEDED = ("jinja2", "matplotlib", "jsonschema")


def write_reports(record: Record, folder: Path) -> list[Path]:
    """Write every report of a record: ``report.md``, ``junit.xml``, ``report.html``, pictures as SVG and PNG.

    The bytes depend on the record alone, so that two renderings of a record are equal.

    Args:
        record: The record to show.
        folder: The folder to write to; it is made if it does not exist.

    Returns:
        The files written, in that order.

    Raises:
        ImportError: A package of the extra ``report`` is missing. Markdown and JUnit are written before that.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = [_write(folder / "report.md", to_markdown(record)), _write(folder / "junit.xml", to_junit(record))]
    _require()
    from .figures import pictures
    from .html import to_html

    drawings = pictures(record)
    written.append(_write(folder / "report.html", to_html(record, drawings)))
    for picture in drawings.all():
        files = zip(_FIGURES, (picture.svg, picture.png), strict=True)
        written += [_write(folder / f"{picture.name}{suffix}", content) for suffix, content in files]
    return written


def remove_stale(before: Record | None, folder: Path, written: Iterable[Path]) -> None:
    """Remove the pictures of an earlier record from a folder to which a later one was written; touch no other file.

    Args:
        before: The earlier record; None if there was none.
        folder: The folder to which both were written.
        written: The files that belong to the later record.
    """
    left = {path for path in folder.iterdir() if path.suffix in _FIGURES} - set(written)
    if before is None or not left:
        return  # drawing takes seconds and would give the names alone
    from .figures import pictures

    names = {f"{picture.name}{suffix}" for picture in pictures(before).all() for suffix in _FIGURES}
    for path in left:
        if path.name in names:
            path.unlink()


def validate(record: Record) -> None:
    """Check a record against the published JSON Schema.

    Args:
        record: The record; it is checked as `Record.to_json` writes it.

    Raises:
        ValueError: The record breaks the schema; the message names the place and what the schema expects there.
        ImportError: jsonschema is missing.
    """
    _require(("jsonschema",))
    import json

    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import best_match

    error = best_match(Draft202012Validator(schema()).iter_errors(json.loads(record.to_json())))
    if error is not None:
        raise ValueError(f"the record breaks its schema at {error.json_path}: {error.message}")


def _write(path: Path, content: str | bytes) -> Path:
    # A name taken from a file system may hold half a surrogate pair, which UTF-8 cannot carry.
    data = content.encode("utf-8", "replace") if isinstance(content, str) else content
    write_atomically(path, data)
    return path


def _require(needed: Iterable[str] = _NEEDED) -> None:
    missing = [name for name in needed if find_spec(name) is None]
    if missing:
        raise ImportError(f"reports need {', '.join(missing)}; install them with: pip install 'gradverify[report]'")

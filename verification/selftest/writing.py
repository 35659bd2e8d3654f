"""The files of a self-test: JSON, Markdown, and the picture."""

from __future__ import annotations

import json
from pathlib import Path

from ..record.record import write_atomically
from .rendering import to_markdown
from .selftest_record import SelfTest, schema

__all__ = ["validate", "write_selftest"]


def write_selftest(selftest: SelfTest, folder: Path) -> list[Path]:
    """Write ``selftest.json``, ``selftest.md``, ``selftest.svg`` and ``selftest.png``.

    Args:
        selftest: The self-test.
        folder: The folder, created if missing.

    Returns:
        The files, in that order.

    Raises:
        ImportError: matplotlib is missing. JSON and Markdown are written before that.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = [_write(folder / "selftest.json", selftest.to_json()), _write(folder / "selftest.md", to_markdown(selftest))]
    from .figure import draw_selftest

    picture = draw_selftest(selftest)
    return [*written, _write(folder / "selftest.svg", picture.svg), _write(folder / "selftest.png", picture.png)]


def validate(selftest: SelfTest) -> None:
    """Check a self-test against its JSON Schema.

    Raises:
        ValueError: It breaks the schema; the message names the place.
        ImportError: jsonschema is missing.
    """
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import best_match

    error = best_match(Draft202012Validator(schema()).iter_errors(json.loads(selftest.to_json())))
    if error is not None:
        raise ValueError(f"the self-test breaks its schema at {error.json_path}: {error.message}")


def _write(path: Path, content: str | bytes) -> Path:
    write_atomically(path, content)
    return path

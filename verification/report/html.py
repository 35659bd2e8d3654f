"""The record as one HTML page: no network, no script, a table behind every picture."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from importlib import resources
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup, escape

from ..record.record import Record
from .exponents import COLUMNS as EXPONENTS
from .exponents import exponent_rows, fits
from .figures import Pictures
from .html_cells import TONES, families, finding, list_undecided, references, verdicts
from .html_studies import studies
from .origins import COLUMNS as ORIGINS
from .origins import TITLE, origin_rows
from .overview import KINDS, Attention, exit_status, findings, headline, judges, meaning, outcome_counts
from .quantities import count, duration, finite, number, percent
from .undecided import undecided_line

__all__ = ["to_html"]

_URGENT: tuple[Attention, ...] = ("refuted", "failed", "not run")
"""Kinds of findings that stand before the studies and the verdicts."""


def to_html(record: Record, pictures: Pictures) -> str:
    """Return the report as one page.

    Args:
        record: The record to show.
        pictures: The record's pictures, each for the section of its family or study.

    Returns:
        An HTML document that loads nothing.
    """
    template = _environment().get_template("report.html.jinja")
    return template.render(
        css=Markup(_text("report.css")),  # our own file; everything that comes from the record is escaped
        headline=headline(record),
        status=exit_status(record),
        meaning=meaning(record),
        run=_run_facts(record),
        complete=record.run.complete,
        time_truncated=record.run.time_truncated,
        outcomes=outcome_counts(record),
        attention=[(kind, KINDS[kind], list(map(finding, several))) for kind, several in findings(record).items()],
        verdicts=verdicts(record),
        families=families(record, pictures.families),
        references=references(record),
        origins={"columns": tuple(ORIGINS), "rows": origin_rows(record), "title": TITLE},
        exponents={"columns": tuple(EXPONENTS), "rows": exponent_rows(record), "explanation": fits(record)},
        undecided_line=undecided_line(record),
        studies=studies(record, pictures.studies),
        tones=TONES,
        urgent=_URGENT,
        undecided=list_undecided,
    ) + "\n"  # fmt: skip


def _environment() -> Environment:
    environment = Environment(
        loader=FunctionLoader(_text),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"count": count, "slug": _anchor, "minus": _minus, "bound": _bound, "breakable": _breakable}
    return environment


def _text(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")


def _run_facts(record: Record) -> dict[str, str]:
    run = record.run
    facts = {"Command": run.command, "Profile": run.profile}
    if judges(record):
        facts |= {
            "Tolerance": f"{percent(run.tolerance)} of the gradient",
            "Error budget": f"alpha {number(run.alpha)}" + (f" over {count(run.num_tests)} tests" if run.num_tests else ""),
            "Error budget's split": str(run.budget.get("rule", "")),
            "Cells": count(len(record.cells)),
        }
    facts |= {
        "Seed": str(run.seed),
        "Device": f"{run.device}, {run.dtype}",
        "Versions": ", ".join(f"{name} {version}" for name, version in run.versions.items()),
        "Time": duration(run.timing["seconds"]) if "seconds" in run.timing else "",
        "Started": _moment(run.timing["started"]) if run.timing.get("started") else "",
    }
    return {name: value for name, value in facts.items() if value}


def _moment(started: Any) -> str:
    """Write seconds since 1970 as a date and a time in UTC, and text as it is."""
    return f"{datetime.fromtimestamp(started, UTC):%Y-%m-%d %H:%M} UTC" if finite(started) else str(started)


def _anchor(text: str) -> str:
    """Return a fragment of a URL that depends on the text alone."""
    return "".join(each if each.isascii() and each.isalnum() else f"-{ord(each):x}" for each in text)


_AFTER_MINUS = tuple("0123456789i")  # a digit, or the first letter of inf


def _minus(text: str) -> str:
    """Replace hyphens before numbers by minus signs."""
    return "".join(
        "−" if each == "-" and text[at + 1 : at + 2] in _AFTER_MINUS and (at == 0 or text[at - 1] in " [±") else each
        for at, each in enumerate(text)
    )


def _bound(text: str) -> str:
    """Capitalise a sentence, and keep each number on the line of what it counts."""
    return re.sub(r"(\d) ", "\\1\u00a0", text[:1].upper() + text[1:])


def _breakable(text: str) -> Markup:
    """Let a name break after an underscore, and stay whole when it is copied."""
    return escape(text).replace("_", Markup("_<wbr>"))

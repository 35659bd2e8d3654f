"""A study: what a session measured beyond verdicts, as statements, tables and charts that any report can show."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from ..verdicts import StatementOutcome

__all__ = ["Chart", "Exhibits", "Region", "Series", "Statement", "Study", "Table", "study_from"]

Value = str | float | int | None
Entry = TypeVar("Entry")

Style = Literal["line", "points", "both", "dashed"]
"""How a series is drawn; ``dashed`` is a line that others are compared with."""


@dataclass(frozen=True, kw_only=True)
class Statement:
    """Something claimed beforehand, and whether the measurements bear it out.

    Attributes:
        claim: The claim, one sentence.
        outcome: ``holds``, ``fails``, or ``open`` where the measurements do not settle it.
        measured: The number that decides, with its interval and unit.
        note: Why, one sentence.
    """

    claim: str
    outcome: StatementOutcome
    measured: str
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Table:
    """Columns and rows; numbers stay numbers, so that a reader of the record can compute with them."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Value, ...], ...]
    caption: str = ""

    @classmethod
    def of(
        cls, title: str, columns: Mapping[str, Callable[[Entry], Value]], entries: Iterable[Entry], caption: str = ""
    ) -> Table:
        """Make a table with one row for every entry.

        Args:
            title: The table's title.
            columns: A column's heading, and the function that gives its value for an entry.
            entries: What the rows are about.
            caption: How to read the table.

        Example:
            >>> Table.of("Squares", {"n": lambda n: n, "square": lambda n: n * n}, [1, 2, 3]).rows
            ((1, 1), (2, 4), (3, 9))
        """
        rows = tuple(tuple(value(entry) for value in columns.values()) for entry in entries)
        return cls(title=title, columns=tuple(columns), rows=rows, caption=caption)


@dataclass(frozen=True, kw_only=True)
class Series:
    """One line or one set of points of a chart.

    Attributes:
        label: Its name in the legend; series of the same label share a colour.
        x: Abscissae.
        y: Ordinates.
        low: Lower limits of the ordinates' intervals; empty where there are none.
        high: Upper limits.
        style: ``line``, ``points``, ``both``, or ``dashed`` (a line that is a reference).
    """

    label: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()
    style: Style = "line"


@dataclass(frozen=True, kw_only=True)
class Region:
    """A shaded range of abscissae."""

    start: float
    end: float
    label: str


@dataclass(frozen=True, kw_only=True)
class Chart:
    """A picture with two axes; its data table is made from its series.

    Attributes:
        name: File name without its suffix.
        title: What it shows, a few words.
        caption: How to read it.
        x_label: Abscissa with its unit.
        y_label: Ordinate with its unit.
        series: What is drawn.
        x_log: Logarithmic abscissa.
        y_log: Logarithmic ordinate.
        regions: Shaded ranges of abscissae.
    """

    name: str
    title: str
    caption: str
    x_label: str
    y_label: str
    series: tuple[Series, ...]
    x_log: bool = False
    y_log: bool = False
    regions: tuple[Region, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Exhibits:
    """Tables and charts."""

    tables: tuple[Table, ...] = ()
    charts: tuple[Chart, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Study:
    """One section of a report.

    Attributes:
        name: Its key, e.g. ``variance``.
        title: Its heading.
        text: Paragraphs: what was done and how to read it.
        statements: Claims and whether they hold; they change no exit status.
        exhibits: What the seed and the command reproduce.
        settings: What it was run with.
        timing: Exhibits that hold clocks and memory; never part of a comparison.
    """

    name: str
    title: str
    text: tuple[str, ...] = ()
    statements: tuple[Statement, ...] = ()
    exhibits: Exhibits = Exhibits()
    settings: Mapping[str, Any] = field(default_factory=dict)
    timing: Exhibits = Exhibits()


def study_from(data: Mapping[str, Any]) -> Study:
    """The study that was written as plain JSON values.

    Raises:
        TypeError: A field is missing or unknown.
    """
    return Study(
        **{
            **data,
            "text": tuple(data["text"]),
            "statements": tuple(Statement(**each) for each in data["statements"]),
            "exhibits": _exhibits(data["exhibits"]),
            "timing": _exhibits(data["timing"]),
        }
    )


def _exhibits(data: Mapping[str, Any]) -> Exhibits:
    return Exhibits(
        tables=tuple(
            Table(**{**each, "columns": tuple(each["columns"]), "rows": tuple(tuple(row) for row in each["rows"])})
            for each in data["tables"]
        ),
        charts=tuple(
            Chart(
                **{
                    **each,
                    "series": tuple(_series(series) for series in each["series"]),
                    "regions": tuple(Region(**region) for region in each["regions"]),
                }
            )
            for each in data["charts"]
        ),
    )


def _series(data: Mapping[str, Any]) -> Series:
    numbers = {name: tuple(data[name]) for name in ("x", "y", "low", "high")}
    return Series(**{**data, **numbers})

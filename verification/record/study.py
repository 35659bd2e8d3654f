"""A study: measurements beyond verdicts, as statements, tables and charts that any report can show."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from ..verdicts import StatementOutcome

__all__ = ["Chart", "Exhibits", "Region", "Series", "Statement", "Study", "Table", "study_from"]

Value = str | float | int | None
Entry = TypeVar("Entry")

Style = Literal["line", "points", "both", "dashed"]
"""The style of a series; a ``dashed`` line is a reference for the others."""


@dataclass(frozen=True, kw_only=True)
class Statement:
    """A claim made beforehand, and the outcome of the measurement.

    Attributes:
        claim: The claim, one sentence.
        outcome: ``holds``, ``fails``, or ``open`` if the measurements do not decide.
        measured: The number that decides, with its interval and unit.
        note: The reason, in one sentence.
    """

    claim: str
    outcome: StatementOutcome
    measured: str
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table of columns and rows; numbers stay numbers, so that a reader of the record can compute with them."""

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
    """One line, or one set of points, of a chart.

    Attributes:
        label: The name in the legend; series of the same label share a colour.
        x: Abscissae.
        y: Ordinates.
        low: Lower limits of the ordinates' intervals; empty if there are none.
        high: Upper limits of the intervals.
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
        name: The file name without its suffix.
        title: A title of a few words.
        caption: A sentence on how to read the chart.
        x_label: The abscissa with its unit.
        y_label: The ordinate with its unit.
        series: The lines and points to draw.
        x_log: True if the abscissa is logarithmic.
        y_log: True if the ordinate is logarithmic.
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
        name: The key of the study, e.g. ``variance``.
        title: The heading.
        text: Paragraphs on what was done and how to read it.
        statements: Claims and their outcomes; they change no exit status.
        exhibits: Tables and charts that the seed and the command reproduce.
        settings: The settings of the measurement.
        timing: Tables and charts of clocks and memory; never part of a comparison.
    """

    name: str
    title: str
    text: tuple[str, ...] = ()
    statements: tuple[Statement, ...] = ()
    exhibits: Exhibits = Exhibits()
    settings: Mapping[str, Any] = field(default_factory=dict)
    timing: Exhibits = Exhibits()


def study_from(data: Mapping[str, Any]) -> Study:
    """Read a study from plain JSON values.

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

"""Quantities as text: three significant digits, a sign for a missing value, and no number rounded to zero."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeGuard

__all__ = [
    "MISSING",
    "clip",
    "count",
    "duration",
    "finite",
    "number",
    "percent",
    "positive",
    "rate",
    "shorten",
    "size",
    "span",
    "values",
]

MISSING = "–"

_PLAIN = 1e6  # numbers below this one are written without a power of ten,
_WHOLE = 1e12  # and whole numbers below this one with all of their digits


def finite(value: object) -> TypeGuard[float]:
    """True if `value` is a number that can be drawn: an int or a float, neither NaN nor infinite."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def positive(value: object) -> TypeGuard[float]:
    """True if `value` is a number that has a place on a logarithmic axis."""
    return finite(value) and value > 0


def number(value: Any, *, digits: int = 3) -> str:
    """Write a number to `digits` significant digits, without a power of ten if it has at most six digits before the point.

    Integers keep all of their digits. ``NaN`` and ``inf`` are words, other values their text.

    Example:
        >>> number(0.012345), number(-1234.5), number(8192), number(float("nan")), number(None)
        ('0.0123', '-1230', '8192', 'NaN', '–')
    """
    if value is None:
        return MISSING
    if isinstance(value, Mapping):
        return ", ".join(f"{name.replace('_', ' ')} {number(each, digits=digits)}" for name, each in value.items())
    if isinstance(value, bool):
        return "yes" if value else "no"
    if not isinstance(value, (int, float)):
        return values(value) if isinstance(value, (list, tuple)) else str(value)
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    if isinstance(value, int) and abs(value) < _WHOLE:
        return str(value)
    text = f"{value:.{digits}g}"
    return f"{float(text):.0f}" if "e+" in text and abs(value) < _PLAIN else text


def values(several: Iterable[Any], *, most: int = 4) -> str:
    """Write the first `most` of several numbers.

    Example:
        >>> values([1.0, 2.0, 3.0, 4.0, 5.0])
        '1, 2, 3, 4, ... (5)'
    """
    items = list(several)
    head = ", ".join(number(each) for each in items[:most])
    return head if len(items) <= most else f"{head}, ... ({len(items)})"


def span(interval: Sequence[Any] | None) -> str:
    """Write an interval in brackets.

    Example:
        >>> span((-0.5, float("inf")))
        '[-0.5, inf]'
    """
    if interval is None:
        return MISSING
    return "[" + ", ".join(number(each) for each in interval) + "]"


def percent(value: Any) -> str:
    """Write a fraction as a percentage.

    Example:
        >>> percent(-0.0512)
        '-5.12 %'
    """
    return f"{number(100 * value)} %" if finite(value) else number(value)


def count(value: Any) -> str:
    """Write a whole number with separators between the thousands.

    Example:
        >>> count(1200000)
        '1,200,000'
    """
    return f"{value:,.0f}" if finite(value) else number(value)


def rate(value: Any) -> str:
    """Write a rate to three significant digits, without powers of ten above one.

    Example:
        >>> rate(1234567.0), rate(0.05)
        ('1,230,000', '0.05')
    """
    if not finite(value) or abs(value) < 100:
        return number(value)
    return f"{float(f'{value:.3g}'):,.0f}"


def duration(seconds: Any) -> str:
    """Write a length of time in a suitable unit.

    Example:
        >>> duration(0.004), duration(12.3), duration(4000)
        ('4 ms', '12.3 s', '1 h 7 min')
    """
    if not finite(seconds):
        return number(seconds)
    if seconds < 1:
        return f"{number(1000 * seconds)} ms"
    if seconds < 120:
        return f"{number(seconds)} s"
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"


def size(amount: Any) -> str:
    """Write a number of bytes in a suitable unit.

    Example:
        >>> size(5 * 2**20)
        '5 MiB'
    """
    if not finite(amount):
        return number(amount)
    for unit in ("bytes", "KiB", "MiB"):
        if abs(amount) < 1024:
            return f"{number(amount)} {unit}"
        amount /= 1024
    return f"{number(amount)} GiB"


def clip(text: str, most: int) -> str:
    """Put a text on one line and keep at most `most` characters of it.

    Example:
        >>> clip("one line, then", 8)
        'one lin…'
    """
    line = " ".join(text.split())
    return line if len(line) <= most else line[: most - 1] + "…"


def shorten(name: str, most: int) -> str:
    """Shorten a name to at most `most` characters in its middle; variants differ at the end.

    Example:
        >>> shorten("score_function_baseline_2", 16)
        'score_f…seline_2'
    """
    line = " ".join(name.split())
    tail = most // 2
    return line if len(line) <= most else f"{line[: most - tail - 1]}…{line[-tail:]}"

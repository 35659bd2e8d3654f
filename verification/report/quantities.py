"""How quantities are written: three significant digits, a word for what is missing, nothing rounded away to zero."""

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

_PLAIN = 1e6  # numbers below are written without a power of ten,
_WHOLE = 1e12  # and whole ones below this with all of their digits


def finite(value: object) -> TypeGuard[float]:
    """Whether `value` is a number that can be drawn: an int or a float, neither NaN nor infinite."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def positive(value: object) -> TypeGuard[float]:
    """Whether `value` is a number that has a place on a logarithmic axis."""
    return finite(value) and value > 0


def number(value: Any, *, digits: int = 3) -> str:
    """A number to `digits` significant digits, without a power of ten where it has six digits or fewer before the point.

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
    """Several numbers, the first `most` of them.

    Example:
        >>> values([1.0, 2.0, 3.0, 4.0, 5.0])
        '1, 2, 3, 4, ... (5)'
    """
    items = list(several)
    head = ", ".join(number(each) for each in items[:most])
    return head if len(items) <= most else f"{head}, ... ({len(items)})"


def span(interval: Sequence[Any] | None) -> str:
    """An interval in brackets.

    Example:
        >>> span((-0.5, float("inf")))
        '[-0.5, inf]'
    """
    if interval is None:
        return MISSING
    return "[" + ", ".join(number(each) for each in interval) + "]"


def percent(value: Any) -> str:
    """A fraction as a percentage.

    Example:
        >>> percent(-0.0512)
        '-5.12 %'
    """
    return f"{number(100 * value)} %" if finite(value) else number(value)


def count(value: Any) -> str:
    """A whole number with its thousands marked.

    Example:
        >>> count(1200000)
        '1,200,000'
    """
    return f"{value:,.0f}" if finite(value) else number(value)


def rate(value: Any) -> str:
    """A rate to three significant digits, never in powers of ten above one.

    Example:
        >>> rate(1234567.0), rate(0.05)
        ('1,230,000', '0.05')
    """
    if not finite(value) or abs(value) < 100:
        return number(value)
    return f"{float(f'{value:.3g}'):,.0f}"


def duration(seconds: Any) -> str:
    """A length of time in the unit that suits it.

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
    """Bytes in the unit that suits them.

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
    """Text on one line, at most `most` characters of it.

    Example:
        >>> clip("one line, then", 8)
        'one lin…'
    """
    line = " ".join(text.split())
    return line if len(line) <= most else line[: most - 1] + "…"


def shorten(name: str, most: int) -> str:
    """A name at most `most` characters long, its end kept: variants differ there.

    Example:
        >>> shorten("score_function_baseline_2", 16)
        'score_f…seline_2'
    """
    line = " ".join(name.split())
    tail = most // 2
    return line if len(line) <= most else f"{line[: most - tail - 1]}…{line[-tail:]}"

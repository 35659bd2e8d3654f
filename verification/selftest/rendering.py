"""A self-test as Markdown: failures first, then every figure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from ..report.quantities import MISSING, count, duration, number, percent, span
from .selftest_record import KillRow, NullRow, PowerRow, SelfTest

__all__ = ["to_markdown"]

_TITLE = "# The test of the test"


def to_markdown(selftest: SelfTest) -> str:
    """Return the self-test as GitHub-flavoured Markdown that ends in a newline.

    Args:
        selftest: The self-test.
    """
    refusals = (
        (each.law, each.expected, count(each.runs), count(each.wrong), _tally(each.outcomes)) for each in selftest.refusals
    )
    lines = [
        *(_TITLE, "", *_head(selftest), ""),
        *_section("False alarms", _ABOUT_NULLS, _NULL_COLUMNS, map(_null_row, selftest.nulls)),
        *_section("Refusals", _ABOUT_REFUSALS, _REFUSAL_COLUMNS, refusals),
        *_section("Planted bugs", _ABOUT_KILLS, _KILL_COLUMNS, map(_kill_row, selftest.kills)),
        *_section("Power", _ABOUT_POWER, _POWER_COLUMNS, map(_power_row, selftest.power)),
    ]
    return "\n".join(lines).rstrip() + "\n"


_ABOUT_NULLS = (
    "Cells without bias, watched at every look to the last one. *Verdict*: both stages erred; the nominal rate is the cell's "
    "alpha. *First stage*: its alarm alone; the nominal rate is the square root of alpha. *Opened*: the share of the cells in "
    "which a channel was open at some look; the others were never tested."
)
_ABOUT_REFUSALS = "Laws that no sample can decide, and rows that must end a cell."
_ABOUT_KILLS = (
    "*Size*: the bias relative to the gradient's scale. *Noise*: the standard deviation of one row, divided by the gradient's "
    "norm. Each bug could have been accepted at a tolerance of a quarter of its size. *Sound original*: the verdict on the "
    "estimator without the bug, on the same problem at the same tolerance."
)
_ABOUT_POWER = (
    "*Bias*: in units of the smallest bias that the last look shows with probability 0.9. *Predicted*: the power for normal "
    "sums at the same looks, from the boundary alone. *Closed*: cells that ended with their gates closed, and promise nothing."
)
_NULL_COLUMNS = ("law", "event", "nominal", "runs", "alarms", "limit", "rate", "95 % interval", "opened")
_REFUSAL_COLUMNS = ("law", "expected", "runs", "wrong", "outcomes")
_KILL_COLUMNS = (
    "planted bug", "problem", "size", "noise", "outcome", "found by", "evidence", "rows", "time", "sound original",
)  # fmt: skip
_POWER_COLUMNS = ("law", "bias", "in sigma", "runs", "closed", "found", "95 % interval", "predicted")


def _head(selftest: SelfTest) -> list[str]:
    killed = [each for each in selftest.kills if each.outcome == "killed"]
    survivors = [each for each in selftest.kills if each.outcome == "survived"]
    seconds = selftest.timing.get("seconds")
    runs = sum(each.runs for each in selftest.nulls if each.event == "verdict")
    facts = [f"profile {selftest.profile}", f"seed {selftest.seed}", f"{count(runs)} cells without bias"]
    facts += [f"{len(killed)} of {len(selftest.kills)} planted bugs found"]
    facts += [duration(seconds)] if seconds is not None else []
    lines = [", ".join(facts) + "."]
    if selftest.failures:
        lines += ["", f"**{len(selftest.failures)} promises were not kept:**", ""]
        lines += [f"- {_cell(each)}" for each in selftest.failures]
    else:
        lines += ["", "Every promise was kept."]
    if survivors:
        lines += ["", "Survivors:", ""]
        lines += [f"- {_cell(each.mutant)}: {_cell(each.reason)}" for each in survivors]
    return lines


def _null_row(row: NullRow) -> tuple[str, ...]:
    return (
        row.law,
        row.event,
        number(row.nominal),
        count(row.runs),
        count(row.alarms) if row.passed else f"**{count(row.alarms)}**",
        count(row.limit),
        number(row.rate),
        span(row.interval),
        percent(row.opened),
    )


def _kill_row(row: KillRow) -> tuple[str, ...]:
    return (
        row.mutant,
        row.problem,
        _size(row.size),
        number(row.noise),
        row.outcome if row.outcome == "killed" else f"**{row.outcome}**",
        row.check or MISSING,
        row.evidence or row.reason,
        count(row.num_samples),
        duration(row.timing.get("seconds")),
        f"**{row.control}**" if row.accused else row.control,
    )


def _size(size: float | None) -> str:
    if size is None:
        return MISSING
    return percent(size) if size else "mean right"


def _power_row(row: PowerRow) -> tuple[str, ...]:
    return (
        row.law,
        number(row.bias),
        number(row.in_sigma),
        count(row.runs),
        count(row.closed),
        f"{count(row.detected)} ({percent(row.rate)})",
        span(row.interval),
        percent(row.predicted),
    )


def _tally(outcomes: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {number}" for name, number in outcomes.items())


def _section(title: str, about: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    return [f"## {title}", "", about, "", *_table(columns, rows), ""]


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    body = ["| " + " | ".join(_cell(each) for each in row) + " |" for row in rows]
    return ["| " + " | ".join(columns) + " |", "|" + " --- |" * len(columns), *body]


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")

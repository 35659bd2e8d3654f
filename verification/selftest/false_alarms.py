"""False alarms: how often the engine accuses sound rows, and whether it refuses rows that no sample can decide."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from ..statistics.binomial import exact_interval
from .laws import Law
from .rates import fail_above
from .selftest_record import NullEvent, NullRow, RefusalRow
from .watching import Stream, source_of, watch_to_the_end

__all__ = ["NULL_RATES", "NullCount", "count_alarms", "null_rows", "refusal_row"]

NULL_RATES = (0.05, 0.01, 1e-4)
"""The error rates of the watched cells. Each stage has the square root: .22, .1 and .01."""

EXPECTED = {"Pareto 1.5": "inconclusive (tail)", "NaN with probability 1e-6": "failed (non-finite)"}
UNDECIDED = "inconclusive"


@dataclass(frozen=True)
class NullCount:
    """The counts over a number of runs of one law at one rate.

    Attributes:
        law: The law's name.
        alpha: The error rate of a cell.
        runs: The number of cells.
        screened: The number of cells whose first stage raised an alarm.
        biased: The number of cells called biased.
        opened: The number of cells with a channel that was open at some look.
    """

    law: str
    alpha: float
    runs: int
    screened: int
    biased: int
    opened: int


def count_alarms(law: Law, rates: Sequence[float], runs: Iterable[int], seed: int) -> list[NullCount]:
    """Watch cells without bias to their end, at every planned look.

    The cells of all rates watch the same rows in the first stage, and their own rows in the second.

    Args:
        law: The law of the rows.
        rates: The error rates of the cells.
        runs: The numbers of the runs, which address their random numbers.
        seed: The seed.

    Returns:
        One count per rate.
    """
    tallies = {alpha: Counter[str]() for alpha in rates}
    for run in runs:
        screen = _stream(law, seed, run, "screen")
        for alpha, tally in tallies.items():
            confirm = _stream(law, seed, run, f"confirm {alpha}")
            test = watch_to_the_end(replace(law.plan, alpha=alpha), screen, confirm)
            assert test.verdict is not None
            tally["runs"] += 1
            tally["screened"] += test.stage == "confirm"
            tally["biased"] += test.verdict.outcome == "biased"
            tally["opened"] += any(each.open.any() for each in test.looks)
    return [
        NullCount(law.name, alpha, tally["runs"], tally["screened"], tally["biased"], tally["opened"])
        for alpha, tally in tallies.items()
    ]


def null_rows(counts: Iterable[NullCount]) -> list[NullRow]:
    """Add up the blocks of runs, and return two rows per law and rate: the verdict, and the first stage's alarm alone."""
    added: dict[tuple[str, float], NullCount] = {}
    for each in counts:
        known = added.get((each.law, each.alpha), NullCount(each.law, each.alpha, 0, 0, 0, 0))
        added[each.law, each.alpha] = NullCount(
            each.law,
            each.alpha,
            known.runs + each.runs,
            known.screened + each.screened,
            known.biased + each.biased,
            known.opened + each.opened,
        )
    return [
        row
        for each in added.values()
        for row in (
            _null_row(each, "verdict", each.alpha, each.biased),
            _null_row(each, "first stage", each.alpha**0.5, each.screened),
        )
    ]


def refusal_row(law: Law, runs: int, seed: int) -> RefusalRow:
    """Watch cells that must end without a verdict on their mean."""
    outcomes = Counter[str]()
    for run in range(runs):
        test = watch_to_the_end(law.plan, _stream(law, seed, run, "screen"), _stream(law, seed, run, "confirm"))
        assert test.verdict is not None
        outcomes[f"{test.verdict.outcome} ({test.verdict.reason})".replace(" ()", "")] += 1
    expected = EXPECTED.get(law.name, UNDECIDED)
    wrong = sum(count for outcome, count in outcomes.items() if not outcome.startswith(expected))
    return RefusalRow(
        law=law.name, expected=expected, runs=runs, wrong=wrong, outcomes=dict(sorted(outcomes.items())), passed=wrong == 0
    )


def _null_row(count: NullCount, event: NullEvent, nominal: float, alarms: int) -> NullRow:
    limit = fail_above(count.runs, nominal)
    return NullRow(
        law=count.law,
        event=event,
        nominal=nominal,
        runs=count.runs,
        alarms=alarms,
        rate=alarms / count.runs,
        interval=exact_interval(alarms, count.runs),
        limit=limit,
        opened=count.opened / count.runs,
        passed=alarms <= limit,
    )


def _stream(law: Law, seed: int, run: int, stage: str) -> Stream:
    source = source_of(seed, "null", law.name, run, stage)
    return Stream(lambda count: law.draw(source, count), law.plan.channels)

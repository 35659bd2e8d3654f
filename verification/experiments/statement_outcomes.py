"""From numbers to the outcome of a statement: holds, fails, or open if the numbers do not settle it."""

from __future__ import annotations

from dataclasses import replace

from ..record.study import Statement
from ..verdicts import StatementOutcome
from .spread import Spread

__all__ = ["decide", "judge_at_least", "judge_at_most", "judge_both", "weaken"]


def decide(holds: bool, fails: bool) -> StatementOutcome:
    """Return the outcome that two conditions imply, of which at most one is true."""
    if holds:
        return "holds"
    return "fails" if fails else "open"


def judge_at_least(spread: Spread, threshold: float) -> StatementOutcome:
    """Judge whether a mean over seeds reaches a threshold: open if the threshold lies inside its interval.

    Example:
        >>> [judge_at_least(Spread.of(each), 0.8) for each in ([0.9, 0.91], [0.7, 0.9], [0.1, 0.11], [0.9])]
        ['holds', 'open', 'fails', 'open']
    """
    return decide(spread.low >= threshold, spread.high < threshold)


def judge_at_most(spread: Spread, threshold: float) -> StatementOutcome:
    """Judge whether a mean over seeds does not exceed a threshold."""
    return decide(spread.high <= threshold, spread.low > threshold)


def judge_both(one: StatementOutcome, other: StatementOutcome) -> StatementOutcome:
    """Return the outcome of a claim that consists of two."""
    return decide(one == other == "holds", "fails" in (one, other))


def weaken(statement: Statement, lacking: str) -> Statement:
    """Return a statement whose evidence is incomplete: it may still fail, but it no longer holds.

    Args:
        statement: The statement that the remaining evidence supports.
        lacking: A description of what is missing; if it is empty, nothing changes.
    """
    if not lacking:
        return statement
    outcome: StatementOutcome = "open" if statement.outcome == "holds" else statement.outcome
    return replace(statement, outcome=outcome, measured=f"{statement.measured}; {lacking}")

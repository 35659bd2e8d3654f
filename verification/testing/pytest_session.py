"""The assertions of a pytest session: the error budget that they share, and what each one found.

Nothing here imports PyTorch: it is loaded in every pytest run of a machine on which gradverify is installed.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pytest

    from ..record.record import Record, Run

__all__ = ["Assertion", "Book", "Budget", "BudgetError", "Line", "launcher", "merge_records", "seed_of"]

_ROUNDING = 1 + 1e-9  # a thousand thousandths may add up to a little more than one


class BudgetError(RuntimeError):
    """A session asks for more assertions than its error budget holds; no `AssertionError`, which a test might expect."""


@dataclass(eq=False)
class Budget:
    """The probability with which sound code may fail somewhere in a session.

    Attributes:
        total: Of the session.
        assertions: How many assertions it is meant to hold; one that names no rate gets an equal part.
        spent: Sum of the rates so far, in this process.
    """

    total: float
    assertions: int
    spent: float = 0.0

    @property
    def share(self) -> float:
        """Rate of an assertion that does not ask for its own."""
        return self.total / self.assertions

    def charge(self, rate: float) -> None:
        """Set a rate aside for one assertion.

        Raises:
            BudgetError: The budget does not hold it.
        """
        __tracebackhide__ = True
        if self.exceeded_by(self.spent + rate):
            raise BudgetError(
                f"this assertion asks for a false-fail rate of {rate:g}, and {self.spent:g} of the session's {self.total:g} "
                f"is spent; raise the ini option gradverify_assertions (now {self.assertions}), so that each gets less, or "
                "gradverify_budget"
            )
        self.spent += rate

    def exceeded_by(self, spent: float) -> bool:
        """Return True if that much is more than there is."""
        return spent > self.total * _ROUNDING


@dataclass(frozen=True)
class Line:
    """One verdict: whether it holds, the question, and what was found."""

    passed: bool
    question: str
    sentence: str


@dataclass(frozen=True)
class Assertion:
    """One assertion as it travels from the process that made it to the one that reports.

    Attributes:
        test: Node id of the test.
        rate: Its false-fail rate.
        seed: Its seed.
        lines: One a problem.
        record: The record of it, as JSON.
    """

    test: str
    rate: float
    seed: int
    lines: tuple[Line, ...]
    record: str


@dataclass(eq=False)
class Book:
    """Every assertion of a session, by the phase of the test that made it; a phase that is repeated replaces its entries."""

    entries: dict[tuple[str, str], tuple[Assertion, ...]] = field(default_factory=dict)

    @property
    def assertions(self) -> list[Assertion]:
        """All of them, in the order of the node ids, so that it does not depend on which worker was first."""
        return [each for key in sorted(self.entries) for each in self.entries[key]]

    @property
    def spent(self) -> float:
        """Sum of their rates."""
        return sum(each.rate for each in self.assertions)

    def add(self, test: str, phase: str, text: str) -> None:
        """Enter what `written` made of the assertions of one phase of a test."""
        found = (Assertion(**{**each, "lines": tuple(Line(**line) for line in each["lines"])}) for each in json.loads(text))
        self.entries[test, phase] = tuple(found)

    @staticmethod
    def to_text(assertions: Iterable[Assertion]) -> str:
        """Return the assertions as text."""
        return json.dumps([asdict(each) for each in assertions])


def seed_of(master: int, test: str) -> int:
    """Return the seed of a test, from the session's seed and the test's node id.

    Example:
        >>> seed_of(0, "test_walk.py::test_unbiased") == seed_of(1, "test_walk.py::test_unbiased")
        False
    """
    address = json.dumps([master, test]).encode()
    return int.from_bytes(hashlib.blake2s(address).digest()[:4], "big")


def launcher(config: pytest.Config) -> list[str]:
    """Return the words that started pytest: ``python -m pytest`` finds modules in the working directory, ``pytest`` not."""
    program = getattr(config, "workerinput", {}).get("mainargv", sys.argv)[0]
    return ["python", "-m", "pytest"] if Path(program).name == "__main__.py" else ["pytest"]


def merge_records(assertions: list[Assertion], *, head: dict[str, Any]) -> Record:
    """Return one record of all assertions of a session.

    Args:
        assertions: At least one.
        head: What the session says of itself, over the first assertion's versions.

    Returns:
        The record; every cell's facts name its test.
    """
    from ..record.record import Record

    records = [Record.from_json(each.record) for each in assertions]
    cells = (
        replace(cell, facts={**cell.facts, "test": each.test})
        for each, record in zip(assertions, records, strict=True)
        for cell in record.cells
    )
    runs = [each.run for each in records]
    return Record(run=replace(_common(runs), **head, num_tests=len(runs)), cells=tuple(cells))


def _common(runs: list[Run]) -> Run:
    return replace(
        runs[0],
        profile=", ".join(sorted({each.profile for each in runs})),
        dtype=", ".join(sorted({name for each in runs for name in each.dtype.split(", ")})),
        tolerance=max(each.tolerance for each in runs),
    )

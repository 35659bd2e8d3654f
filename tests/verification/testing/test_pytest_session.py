"""The budget that a session's assertions share, and the book in which they are entered."""

from __future__ import annotations

import pytest

from gradverify.verification import verify
from gradverify.verification.report import validate
from gradverify.verification.testing.pytest_session import Assertion, Book, Budget, BudgetError, Line, merge_records, seed_of

from ..targets.programs import FAIR


def assertion(test: str, rate: float = 1e-6, record: str = "{}") -> Assertion:
    return Assertion(test, rate, 7, (Line(True, "unbiased", "fine"),), record)


def test_a_budget_holds_as_many_assertions_as_it_says_and_no_more() -> None:
    budget = Budget(1e-3, 1000)
    for _ in range(1000):
        budget.charge(budget.share)
    with pytest.raises(BudgetError, match=r"rate of 1e-06, and 0\.001 of the session's 0\.001 is spent; raise the ini option"):
        budget.charge(budget.share)


def test_an_assertion_may_ask_for_its_own_rate() -> None:
    budget = Budget(1e-3, 1000)
    budget.charge(9e-4)
    with pytest.raises(BudgetError, match=r"rate of 0\.0002"):
        budget.charge(2e-4)
    budget.charge(1e-4)
    assert budget.spent == pytest.approx(1e-3)


def test_a_refusal_is_no_failed_assertion() -> None:
    """A test that expects an assertion to fail must not take it for one."""
    assert not issubclass(BudgetError, AssertionError)


def test_seeds_differ_by_test_and_master_seed_and_are_the_same_everywhere() -> None:
    assert seed_of(0, "a.py::b") == seed_of(0, "a.py::b") == 2912538746
    assert len({seed_of(master, test) for master in range(50) for test in ("a.py::b", "a.py::c", "a.py::b[1]")}) == 150


def test_a_book_reads_what_was_written_and_does_not_count_a_phase_twice() -> None:
    book = Book()
    book.add("b", "call", Book.to_text([assertion("b"), assertion("b", 2e-6)]))
    book.add("a", "setup", Book.to_text([assertion("a")]))
    book.add("b", "call", Book.to_text([assertion("b"), assertion("b", 2e-6)]))
    assert book.assertions == [assertion("a"), assertion("b"), assertion("b", 2e-6)]
    assert book.spent == pytest.approx(4e-6)


def test_records_are_merged_into_one_that_names_the_tests() -> None:
    records = [verify("leave_one_out", FAIR, alpha=1e-6, tolerance=tolerance, seed=1) for tolerance in (0.1, 0.2)]
    made = [assertion(test, record=record.to_json()) for test, record in zip("ab", records, strict=True)]
    one = merge_records(made, head={"command": "pytest", "seed": 3, "alpha": 1e-3})
    validate(one)
    assert [cell.facts.get("test") for cell in one.cells] == ["a", "a", "b", "b"]
    assert (one.run.command, one.run.seed, one.run.tolerance, one.run.num_tests) == ("pytest", 3, 0.2, 2)

"""The README's table: one row for every estimator, with the outcomes of a record."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from gradverify.estimators import ScoreFunction
from gradverify.verification.record.record import Check, Record
from gradverify.verification.report.catalogue import estimator_table


def test_outcomes_are_counted_without_problems_that_do_not_apply(small_record: Callable[..., Record]) -> None:
    outcomes = ("biased", "unbiased", "unbiased", "not-applicable")
    cells = [cell for outcome in outcomes for cell in small_record(Check(check="bias", outcome=outcome)).cells]
    record = dataclasses.replace(small_record(), cells=tuple(cells))
    head, _, one, other = estimator_table({"one": ScoreFunction(), "other": ScoreFunction()}, record).splitlines()
    assert head == "| name | paper | sites | evaluations | claim | found |"
    assert one.startswith("| `one` | ")
    assert one.endswith("| all | 1 | unbiased | 2 unbiased, 1 biased |")
    assert other.endswith("| – |")

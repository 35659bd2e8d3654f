"""The cells that two records share, and the circumstances that a reader must know."""

from __future__ import annotations

from dataclasses import replace

from gradverify.verification.comparison.compare import compare
from gradverify.verification.record.record import Record

from .simulated_records import LAWS, found, one, record, simulated


def test_new_and_gone_cells() -> None:
    both = record([*one().cells, simulated("other", LAWS["bit"], 0)])
    assert (found(compare(one(), both)), compare(one(), both).exit_status) == ({("cell", "new")}, 0)
    assert (found(compare(both, one())), compare(both, one()).exit_status) == ({("cell", "gone")}, 3)
    assert compare(both, one(), same=True).exit_status == 3


def test_cells_of_a_pytest_session_are_told_apart_by_their_tests() -> None:
    """Two tests ask about one pair, and one of them asks twice: what becomes worse in any of the three is found."""
    law = LAWS["normal"]

    def session(*factors: float) -> Record:
        cells = [simulated("a", law, seed=at, factor=factor, rows=60_000) for at, factor in enumerate(factors)]
        tests = ("t.py::one", "t.py::two", "t.py::two")
        return record([replace(each, facts={**each.facts, "test": test}) for each, test in zip(cells, tests, strict=True)])

    base = session(1.0, 1.0, 1.0)
    assert compare(base, base).num_cells == 3
    for at in range(3):
        factors = [1.0, 1.0, 1.0]
        factors[at] = 1.3
        assert [each.quantity for each in compare(base, session(*factors)).changes] == ["variance"]


def test_devices_may_differ_and_are_told() -> None:
    comparison = compare(one(0), replace(one(1), run=replace(one(1).run, device="cuda")), same=True)
    assert comparison.exit_status == 0
    assert comparison.notes == ("the records differ in device: cpu and cuda",)

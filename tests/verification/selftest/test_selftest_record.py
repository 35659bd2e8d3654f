"""The outcome: JSON and back, its schema, and the exit status of every promise that is not kept."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gradverify.verification.selftest.selftest_record import SelfTest, exit_status
from gradverify.verification.selftest.writing import validate


def spoiled(selftest: SelfTest, part: str, **changes: object) -> SelfTest:
    return replace(selftest, **{part: (replace(getattr(selftest, part)[0], **changes),)})


def test_json_and_back(selftest: SelfTest) -> None:
    assert SelfTest.from_json(selftest.to_json()) == selftest
    validate(selftest)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema_version": "0.1"}'])
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="self-test"):
        SelfTest.from_json(text)


def test_unknown_fields_are_refused(selftest: SelfTest) -> None:
    with pytest.raises(ValueError, match="no field 'lawful'"):
        SelfTest.from_json(selftest.to_json().replace('"law": "normal",\n   "event"', '"lawful": "normal",\n   "event"'))


def test_the_schema_bites(selftest: SelfTest) -> None:
    with pytest.raises(ValueError, match=r"nulls\[0\]\.rate"):
        validate(spoiled(selftest, "nulls", rate=1.5))


def test_all_is_well(selftest: SelfTest) -> None:
    assert selftest.failures == ()
    assert exit_status(selftest) == 0


@pytest.mark.parametrize(
    ("part", "changes", "said"),
    [
        ("nulls", {"passed": False, "alarms": 30}, "30 false alarms"),
        ("refusals", {"passed": False, "wrong": 2}, "2 of 5 runs were not inconclusive"),
        ("kills", {"outcome": "survived", "reason": "unbiased: no check failed"}, "survived: unbiased"),
        ("kills", {"accused": True, "control": "bias: biased"}, "sound original was accused"),
        ("power", {"passed": False, "detected": 40}, "found in 40 of 60 open runs"),
    ],
)
def test_each_broken_promise_is_a_failure(selftest: SelfTest, part: str, changes: dict[str, object], said: str) -> None:
    bad = spoiled(selftest, part, **changes)
    assert len(bad.failures) == 1
    assert said in bad.failures[0]
    assert exit_status(bad) == 1


def test_a_survivor_with_a_known_reason_is_listed_and_no_failure(selftest: SelfTest) -> None:
    assert exit_status(spoiled(selftest, "kills", outcome="survived", reason="nothing looks there", expected=False)) == 0

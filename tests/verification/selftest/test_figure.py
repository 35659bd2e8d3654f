"""The picture: a table of the false alarms beside it, and survivors marked."""

from __future__ import annotations

from dataclasses import replace

from gradverify.verification.selftest.figure import draw_selftest
from gradverify.verification.selftest.selftest_record import SelfTest


def test_survivors_are_marked_and_alarms_tabled(selftest: SelfTest) -> None:
    lost = replace(selftest.kills[0], outcome="survived", check="")
    picture = draw_selftest(replace(selftest, kills=(*selftest.kills, lost)))
    assert "survived (1)" in picture.svg.decode()
    assert list(picture.rows) == [("normal", "first stage", "0.1", "100", "6")]

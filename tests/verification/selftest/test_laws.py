"""The laws: unbiased, uniquely named, and watched under a run's own plan."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from gradverify.verification.selftest.false_alarms import count_alarms
from gradverify.verification.selftest.laws import Law, estimator_law, null_laws, refused_laws
from gradverify.verification.selftest.watching import source_of


def the(laws: list[Law], name: str) -> Law:
    return next(each for each in laws if each.name.startswith(name))


def test_names_are_unique() -> None:
    laws = [each.name for each in (*null_laws(), *refused_laws())]
    assert len(laws) == len(set(laws))


@pytest.mark.parametrize("law", null_laws(), ids=lambda law: law.name)
def test_the_laws_have_no_bias(law: Law) -> None:
    """Five standard errors at 100,000 rows: false-fail rate 6e-7 a coordinate where the mean is near normal. Discrepancies of
    .016 standard deviations a row are seen."""
    rows = law.draw(source_of(0, "a test", law.name), 100_000)
    assert rows.shape == (100_000, law.plan.size)
    assert (np.abs(rows.mean(0)) <= 5 * rows.std(0) / np.sqrt(len(rows))).all()


def test_an_estimator_is_watched_under_a_runs_own_plan() -> None:
    law = the(null_laws(), "DisARM")
    assert law.plan.channel_names[:3] == ("coordinate 0", "coordinate 1", "gain")
    (count,) = count_alarms(replace(law, plan=replace(law.plan, max_rows=1500)), (0.05,), range(3), 0)
    assert (count.runs, count.opened) == (3, 3)


def test_an_unknown_estimator_problem_is_named() -> None:
    with pytest.raises(KeyError, match="no_such_problem"):
        estimator_law("x", _Nothing(), "no_such_problem")


class _Nothing:
    def __call__(self, *arguments: Any) -> Any:
        raise AssertionError

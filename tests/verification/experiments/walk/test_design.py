"""Designs: unusable ones are refused, and a job's checkpoint depends on what its result depends on."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from gradverify.verification.experiments.walk.design import SIZES, Design, jobs

from .designs import TINY


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seeds": 1}, "seeds=1; expected at least 2"),
        ({"batch": 3}, "batch=3; expected at least 4"),
        ({"starts": ()}, "expected at least one of each"),
        ({"estimators": ()}, "expected at least one of each"),
        ({"starts": (math.nan,)}, "expected finite numbers"),
    ],
)
def test_an_unusable_design_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(TINY, **changes)


def test_a_checkpoint_does_not_depend_on_the_other_jobs() -> None:
    job = jobs(TINY)[0]
    assert job.key(replace(TINY, splits=("time", "trajectories"), estimators=(job.estimator,))) == job.key(TINY)
    assert job.key(replace(TINY, iterations=4)) != job.key(TINY)


def test_every_combination_is_a_job() -> None:
    assert len(jobs(Design())) == len(set(jobs(Design()))) == 9 * 2 * 2
    assert SIZES["full"].training_trajectories == 700

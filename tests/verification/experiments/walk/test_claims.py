"""Every statement holds on results that bear it out, and fails on results that do not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gradverify.verification.experiments.walk.claims import FLOAT, GUMBEL, SHIPPED, statements
from gradverify.verification.experiments.walk.design import jobs
from gradverify.verification.experiments.walk.summary import Findings

from .designs import TINY, made_up

DESIGN = replace(TINY, estimators=(SHIPPED, FLOAT, *GUMBEL, "leave_one_out"))

GOOD: dict[str, object] = {}
BAD: dict[str, object] = {"end": 30.0, "wasserstein": 9.0, "ratio": 2.0, "long_error": 9.0, "bias": 0.5}
STUCK: dict[str, object] = {"status": "no gradient"}


def outcomes(tutorial: dict[str, object], gumbel: dict[str, object], other: dict[str, object]) -> dict[str, str]:
    made = {SHIPPED: tutorial, FLOAT: tutorial, **dict.fromkeys(GUMBEL, gumbel), "leave_one_out": other}
    results = tuple(made_up(job, **made[job.estimator]) for job in jobs(DESIGN))  # type: ignore[arg-type]
    return {each.claim: each.outcome for each in statements(Findings(DESIGN, results))}


def only(found: dict[str, str], words: str) -> str:
    (outcome,) = (outcome for claim, outcome in found.items() if words in claim)
    return outcome


IF_TUTORIAL_WERE_RIGHT = outcomes(GOOD, BAD, GOOD)
IF_NOT = outcomes({**BAD, **STUCK}, GOOD, {**BAD})


@pytest.mark.parametrize(
    "words",
    [
        "is differentiable and allows",
        "Made floating",
        "lower Wasserstein",
        "lower mean squared error",
        "variance ratio at approximately one",
        "Categorical stays aligned",
        "accumulates a large position error",
        "deviates substantially",
        "declare themselves unbiased",
        "Every other estimator",
    ],
)
def test_statements_can_hold_and_fail(words: str) -> None:
    right = outcomes(GOOD, GOOD, GOOD) if words.startswith("Every") else IF_TUTORIAL_WERE_RIGHT
    assert only(right, words) == "holds"
    assert only(IF_NOT, words) == "fails"


def test_bias_of_gumbel_softmax_is_said_only_where_it_is_seen() -> None:
    assert only(IF_TUTORIAL_WERE_RIGHT, "gradient is biased") == "holds"
    assert only(IF_NOT, "gradient is biased") == "open"


def test_convergence_that_depends_on_the_start() -> None:
    assert only(IF_NOT, "convergence depends on the start") == "holds"
    assert only(IF_TUTORIAL_WERE_RIGHT, "convergence depends on the start") == "open"


def test_the_tutorials_loss_is_not_least_at_the_truth() -> None:
    design = replace(DESIGN, losses=("trajectory", "mean"))
    (said,) = [each for each in statements(Findings(design, ())) if "single trajectories" in each.claim]
    assert said.outcome == "fails"
    assert "19.9427" in said.measured


def test_between_the_limits_nothing_is_decided() -> None:
    found = outcomes(GOOD, {"long_error": 1.0, "wasserstein": 1.0}, GOOD)
    assert only(found, "accumulates a large position error") == "open"
    assert only(found, "deviates substantially") == "open"


@pytest.mark.parametrize("backwards", [False, True])
def test_a_part_of_the_results_decides_its_part(backwards: bool) -> None:
    """After an interruption any jobs may be missing; a comparison needs both sides of one split and loss."""
    design = replace(DESIGN, splits=("time", "trajectories"))
    wanted = jobs(design)[:: -1 if backwards else 1]
    results = [made_up(job) for job in wanted]
    for count in range(len(results) + 1):
        assert len(statements(Findings(design, tuple(results[:count])))) <= 12
    apart = [made_up(job) for job in wanted if (job.estimator == SHIPPED) == (job.split == "time")]
    assert not [each for each in statements(Findings(design, tuple(apart))) if "lower" in each.claim]


def test_without_the_estimators_nothing_is_claimed() -> None:
    assert statements(Findings(TINY, ())) == ()

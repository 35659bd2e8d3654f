"""A small variance session from end to end, its record, and a declared exponent that is wrong."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from gradverify.estimators import ESTIMATORS, Claims, ScoreFunction
from gradverify.verification import Record
from gradverify.verification.problems.registry import find_problems
from gradverify.verification.record.study import Study
from gradverify.verification.report import exit_status, validate
from gradverify.verification.studies import cost_curves, exact_lines, variance_study
from gradverify.verification.studies.sweep import sweep_settings, swept
from gradverify.verification.studies.variance_record import variance_record
from gradverify.verification.truth.known_moments import known_variance

TAIL = (200, 250, 300, 400, 500)
NAMES = ("score_function", "conditional_triple", "straight_through", "muprop", "threshold_straight_through")


def session(costs: bool = True) -> Record:
    settings = sweep_settings(profile="quick", samples=4096, seed=0, alpha=1e-3, device="cpu", dtype=None)
    settings = replace(settings, profile=replace(settings.profile, reference_rows=2048))
    estimators = {name: ESTIMATORS[name] for name in NAMES}
    return variance_record(
        estimators, swept("random_walk/square/p", (5, 10, 20)), settings, command="gradverify variance", costs=costs
    )


@pytest.fixture(scope="module", autouse=True)
def small() -> Iterator[None]:
    """Shorter tails and smaller batches than a session's own: every step is taken, none takes long."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (exact_lines, variance_study):
            patch.setattr(module, "TAIL", TAIL)
        patch.setattr(cost_curves, "ROWS", (32, 64))
        patch.setattr(cost_curves, "BATCH", 64)
        yield


@pytest.fixture(scope="module")
def record() -> Record:
    return session()


@pytest.fixture(scope="module")
def study(record: Record) -> Study:
    (found,) = record.studies
    return found


def table(study: Study, title: str) -> list[dict[str, object]]:
    (found,) = [each for each in (*study.exhibits.tables, *study.timing.tables) if each.title == title]
    return [dict(zip(found.columns, row, strict=True)) for row in found.rows]


def slope(name: str) -> float:
    """The least-squares slope of the recursion's variances over the tail."""
    problems = find_problems([f"random_walk:{n}/square/p" for n in TAIL], quick=False)
    values = [known_variance(ESTIMATORS[name], each) for each in problems]
    return float(np.polyfit(np.log(TAIL), np.log(np.array(values, dtype=float)), 1)[0])


def test_the_record_is_valid_and_nothing_is_refuted(record: Record) -> None:
    validate(record)
    text = record.to_json()
    assert Record.from_json(text).to_json() == text
    assert exit_status(record) in (0, 3)


def test_families_are_judged_by_their_exact_tails(record: Record) -> None:
    claims = {each.estimator: (each.claim, each.note) for each in record.families}
    assert claims["score_function"][0] == "supported"
    assert claims["score_function"][1].startswith("exact tail n = 200 to 500: 2.93, declared 3; tail from n = ")
    assert claims["conditional_triple"][0] == "supported"
    assert "exact tail" not in claims["muprop"][1]


def test_exponents(study: Study) -> None:
    rows = {row["estimator"]: row for row in table(study, "Exponents")}
    assert rows["score_function"]["exact tail"] == pytest.approx(slope("score_function"))
    assert rows["conditional_triple"]["exact tail"] == pytest.approx(slope("conditional_triple"))
    assert rows["straight_through"]["exact, last step"] == pytest.approx(1.0, abs=0.001)
    assert rows["muprop"]["exact tail"] is None
    assert rows["threshold_straight_through"]["exponent"] is None
    ranges = [(row["from n"], row["to n"]) for row in table(study, "Exponent by range") if row["estimator"] == "muprop"]
    assert ranges == [(5, 20)]


def test_measured_variances_and_biases_stand_beside_the_exact_ones(study: Study) -> None:
    variances = table(study, "Variance of one replicate")
    assert len(variances) == 15
    assert {row["exact"] is None for row in variances if row["estimator"] == "muprop"} == {True}
    biases = [row for row in table(study, "Bias") if row["estimator"] == "straight_through"]
    assert [row["exact, over the gradient"] for row in biases] == pytest.approx([0.05, 0.0309, 0.0167], abs=1e-4)
    assert {each.outcome for each in study.statements} == {"holds"}


def test_charts(study: Study) -> None:
    names = [each.name for each in study.exhibits.charts]
    assert names == [f"{kind}-random-walk-square-p" for kind in ("variance-exact", "variance-sampled", "bias")]
    exact = study.exhibits.charts[0]
    assert {each.style for each in exact.series if each.label == "score_function"} == {"dashed", "points"}
    (dashed,) = [each for each in exact.series if each.label == "score_function" and each.style == "dashed"]
    assert dashed.x[-1] == 500
    assert {each.label for each in study.exhibits.charts[2].series} >= {"straight_through", "threshold_straight_through"}


def test_clocks_and_memory_stand_under_timing_alone(study: Study, record: Record) -> None:
    again = session(costs=False)
    assert again.studies[0].exhibits == study.exhibits
    assert again.studies[0].statements == study.statements
    assert again.families == record.families
    timed = {each.name for each in study.timing.charts}
    assert timed == {"work-random-walk-square-p"} | {
        f"cost-{quantity}-{axis}" for quantity in ("seconds", "bytes") for axis in ("size", "rows", "parameters")
    }
    assert {row["varied"] for row in table(study, "Cost of a replicate")} == {
        "size n",
        "replicates a batch",
        "number of parameters",
    }


def test_a_wrong_exponent_is_refuted_by_the_exact_tail(monkeypatch: pytest.MonkeyPatch) -> None:
    """The score function's variance grows as n^3; here it claims n^2."""
    monkeypatch.setattr(ScoreFunction, "claims", Claims(bias="unbiased", variance_exponent=2.0))
    settings = sweep_settings(profile="quick", samples=2048, seed=0, alpha=1e-3, device="cpu", dtype=None)
    settings = replace(settings, profile=replace(settings.profile, reference_rows=2048))
    series = swept("random_walk/square/p", (4, 6, 8))
    record = variance_record({"boastful": ScoreFunction()}, series, settings, command="", costs=False)
    (family,) = record.families
    assert (family.claim, exit_status(record)) == ("refuted", 1)
    (statement,) = [each for each in record.studies[0].statements if each.claim == "Declared exponents hold."]
    assert (statement.outcome, statement.note) == ("fails", "boastful")

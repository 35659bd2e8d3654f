"""Whole runs: planted mistakes are refuted, sound estimators are not, and a seed is a record."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import pytest
import torch
from torch.distributions import Bernoulli

from gradverify.estimators import ESTIMATORS, Estimator, LeaveOneOut, Program, Sample, ScoreFunction
from gradverify.estimators.runs.exact import enumerate_branches
from gradverify.verification import Record, verify
from gradverify.verification.drawing.executors import Inline
from gradverify.verification.drawing.tasks import Task
from gradverify.verification.plan import settle
from gradverify.verification.problems import Problem, find_problems
from gradverify.verification.record.record import Cell
from gradverify.verification.report import exit_status, validate
from gradverify.verification.run.verification import Verification
from gradverify.verification.truth.finite_differences import FINITE_DIFFERENCE, finite_difference
from gradverify.verification.truth.reference import Reference
from gradverify.verification.truth.references import SAMPLED_REFERENCES

from ...estimators.sites.test_site import Waiting
from ..targets import wrong
from ..targets.programs import FAIR, cubic, scalar

STEEP = Problem(name="steep", program=cubic, params=scalar(0.5), chained=False)
"""One leave-one-out pair has sigma / |g| = 1 here, so that a bias of 5 % takes some 30,000 rows."""

WALK = "random_walk:10/square/p"


def without_clocks(record: Record) -> Any:
    def strip(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: strip(each) for key, each in value.items() if key != "timing"}
        return [strip(each) for each in value] if isinstance(value, list) else value

    return strip(json.loads(record.to_json()))


def only(record: Record) -> Cell:
    (cell,) = [each for each in record.cells if each.estimator != "references"]
    return cell


def outcome(record: Record) -> tuple[str, str, str]:
    """Status, bias outcome and claim of a record's only cell."""
    cell = only(record)
    bias = cell.find("bias")
    assert bias is not None
    return cell.status, bias.outcome, bias.claim


@pytest.mark.parametrize(
    ("estimator", "expected"),
    [
        (wrong.Scaled(-1.0), ("ok", "biased", "refuted")),
        (wrong.Scaled(1.05), ("ok", "biased", "refuted")),
        (wrong.OwnSampleBaseline(4), ("ok", "biased", "refuted")),
        (wrong.CoupledRows(), ("failed", "failed", "refuted")),
        (wrong.Detached(), ("ok", "no-gradient", "refuted")),
        (wrong.Zeros(), ("ok", "biased", "refuted")),
        (wrong.Doubled(), ("failed", "failed", "refuted")),
        (wrong.StaleSeed(), ("failed", "failed", "refuted")),
        (wrong.Attached(), ("failed", "failed", "refuted")),
        (wrong.SOUND, ("ok", "unbiased", "supported")),
        (wrong.Scaled(1.0), ("ok", "unbiased", "supported")),
    ],
    ids=repr,
)
def test_planted_mistakes_are_refuted(estimator: Estimator, expected: tuple[str, str, str]) -> None:
    """At a tolerance of 4 %; each accusation of a sound one has a rate of 8e-4, a factor of 1.05 is missed in one of twenty."""
    record = verify({"planted": estimator}, STEEP, tolerance=0.04)
    validate(record)
    assert outcome(record) == expected
    assert exit_status(record) == (1 if "refuted" in expected else 0)


def test_a_planted_mistake_is_refuted_on_a_walk_too() -> None:
    assert outcome(verify({"planted": wrong.Scaled(1.05)}, WALK, tolerance=0.04))[1] != "unbiased"
    assert outcome(verify({"planted": wrong.OwnSampleBaseline(2)}, WALK, tolerance=0.1)) == ("ok", "biased", "refuted")


def test_a_bias_beyond_ten_percent_is_no_news_of_an_estimator_that_declares_it() -> None:
    record = verify("straight_through", "bernoulli:0.3/cubic")
    assert outcome(record) == ("ok", "biased", "supported")
    assert exit_status(record) == 0
    held = verify("straight_through", "bernoulli:0.3/cubic", expect="unbiased")
    assert outcome(held) == ("ok", "biased", "refuted")
    assert exit_status(held) == 1


@pytest.mark.parametrize(
    ("name", "problem", "estimate"),
    [
        ("straight_through", "bernoulli:0.3/cubic", 5.7 - 7),
        ("smoothed_triple", "bernoulli:0.3/cubic", 0.5),
        ("agent_torch_bernoulli", "bernoulli:0.3/cubic", 0.5),
        ("straight_through", "bernoulli:0.3/exponential", 1.516 - (math.e - 1)),
    ],
)
def test_known_biases_lie_in_their_intervals(name: str, problem: str, estimate: float) -> None:
    """The intervals hold with probability 1 - 8e-4 and better."""
    bias = only(verify(name, problem, tolerance=0.02, expect="biased")).find("bias")
    assert bias is not None
    assert bias.outcome == "biased"
    assert bias.interval is not None
    assert bias.interval[0] - 5e-4 <= estimate <= bias.interval[1] + 5e-4


@pytest.mark.parametrize(
    ("name", "problem", "expected"),
    [
        ("straight_through", "random_walk:10/indicator/p", "biased"),
        ("straight_through", "categorical_one_hot:4/linear", "unbiased"),
        ("agent_torch_bernoulli", "bernoulli:0.3/square", "unbiased"),
        ("agent_torch_categorical", "categorical:4/linear", "no-gradient"),
        ("agent_torch_categorical_float", "categorical:4/linear", "biased"),
        ("enumeration", "chain:4/cubic", "unbiased"),
    ],
)
def test_verdicts_that_any_reader_can_check(name: str, problem: str, expected: str) -> None:
    status, found, claim = outcome(verify(name, problem))
    assert (status, found) == ("ok", expected)
    assert claim in ("supported", "none")


def test_the_same_seed_is_the_same_record_and_another_is_another() -> None:
    kept: list[Estimator] = []

    def a_run(seed: int) -> Any:
        kept.append(wrong.Forgetful())  # alive, so that no two have the same address
        chosen = {"score_function": ESTIMATORS["score_function"], "forgetful": kept[-1]}
        return without_clocks(verify(chosen, ["bernoulli:0.3/cubic", "bits:3/cubic"], seed=seed, tolerance=0.3))

    first = a_run(0)
    assert first == a_run(0)
    assert first["cells"] != a_run(1)["cells"]


def test_a_subset_of_a_run_draws_the_same_rows() -> None:
    """Seeds hash names, so a cell alone repeats its rows; its share of the error budget alone is another."""
    whole = verify(["score_function", "leave_one_out"], ["bernoulli:0.3/cubic", "bits:3/cubic"], tolerance=0.3)
    alone = verify("leave_one_out", "bits:3/cubic", tolerance=0.3)
    one, other = only(alone), whole.cells[-1]
    assert (one.estimator, one.problem) == (other.estimator, other.problem)
    first, second = one.find("bias"), other.find("bias")
    assert first is not None
    assert second is not None
    assert first.details["histogram"] == second.details["histogram"]
    assert first.details["looks"][0]["estimate"] == second.details["looks"][0]["estimate"]


def test_rows_that_are_not_finite_are_a_failure_and_exit_1() -> None:
    record = verify({"nan": wrong.Spoiled(math.nan, 1e-3)}, FAIR)
    validate(record)
    assert outcome(record) == ("failed", "failed", "refuted")
    bias = only(record).find("bias")
    assert bias is not None
    assert bias.details["reason"] == "non-finite"
    assert "rows are not finite (rate " in bias.note
    assert exit_status(record) == 1


@pytest.mark.parametrize("value", [math.inf, -math.inf, 1e200])
def test_infinities_and_overflow_are_written_down_without_a_crash(value: float) -> None:
    record = verify({"huge": wrong.Spoiled(value, 0.01)}, FAIR)
    validate(record)
    status, found, _ = outcome(record)
    assert (status, found) in (("failed", "failed"), ("ok", "inconclusive"))
    assert Record.from_json(record.to_json()).to_json() == record.to_json()


def test_zero_variance_rows_are_decided_exactly() -> None:
    sound = only(verify("enumeration", FAIR)).find("bias")
    assert sound is not None
    assert (sound.outcome, sound.details["reason"], sound.num_samples) == ("unbiased", "deterministic", 2)
    off = only(verify({"zeros": wrong.Zeros()}, FAIR)).find("bias")
    assert off is not None
    assert (off.outcome, off.details["reason"], off.kind) == ("biased", "deterministic", "zero")


def test_ctrl_c_writes_down_what_is_finished() -> None:
    closed: list[str] = []

    def impatient(done: int, total: int, name: str) -> None:
        closed.append(name)
        if any(each.startswith("leave_one_out") for each in closed):
            raise KeyboardInterrupt

    record = verify(["leave_one_out", "score_function"], [FAIR, "random_walk:20/square/p"], progress=impatient)
    validate(record)
    assert not record.run.complete
    assert not record.run.time_truncated
    assert len(record.cells) == 6
    decided = [each.find("bias").outcome for each in record.cells if each.find("bias")]  # type: ignore[union-attr]
    assert "unbiased" in decided
    reasons = [each.find("bias").details["reason"] for each in record.cells if each.find("bias")]  # type: ignore[union-attr]
    assert "interrupted" in reasons


def test_ctrl_c_in_a_references_pilot_still_writes_a_record(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pilots are taken when cells are on their way: what stops one stops the run, and no more."""

    def stopped(problem: Problem, seed: int, tolerance: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setitem(SAMPLED_REFERENCES, FINITE_DIFFERENCE, stopped)
    record = verify("score_function", ["bernoulli:0.3/square/p", "random_walk:20/square/p"])
    validate(record)
    assert not record.run.complete
    assert len(record.cells) == 4
    assert [each.find("references").outcome for each in record.cells[:2]] == ["not compared"] * 2  # type: ignore[union-attr]


def test_pilots_wait_for_the_first_task(monkeypatch: pytest.MonkeyPatch) -> None:
    happened: list[str] = []

    class Watched(Inline):
        def submit(self, key: Any, task: Task) -> None:
            happened.append(type(task).__name__)
            super().submit(key, task)

    def piloted(problem: Problem, seed: int, tolerance: float) -> Reference:
        happened.append("pilot")
        return finite_difference(problem, seed, tolerance)

    monkeypatch.setitem(SAMPLED_REFERENCES, FINITE_DIFFERENCE, piloted)
    run = Verification({"pair": LeaveOneOut()}, find_problems([WALK, "bernoulli:0.3"], quick=True), settle())
    record = run.execute(Watched(run.workbench))
    assert record.run.complete
    assert happened.index("CheckTask") < happened.index("pilot")
    assert happened.count("pilot") == 4


def test_a_time_limit_closes_what_is_open_and_says_so() -> None:
    record = verify("score_function", ["random_walk:100/square/p"], tolerance=0.002, budget=0.5)
    validate(record)
    assert record.run.time_truncated
    assert record.run.complete
    assert exit_status(record) == 3


def test_a_rare_event_beyond_the_budget_is_said_before_a_row_is_drawn() -> None:
    rare = Problem(name="rare", program=cubic, params=scalar(1e-6), chained=False)
    bias = only(verify("leave_one_out", rare)).find("bias")
    assert bias is not None
    assert (bias.outcome, bias.details["reason"], bias.num_samples) == ("inconclusive", "gate", 0)
    assert bias.details["rows_needed"] == 10_000_000


def test_float32_is_verified_too() -> None:
    """The same biases are found, and rounding is none."""
    single = Problem(name="single", program=cubic, params=torch.tensor(0.3), chained=False)
    assert outcome(verify("leave_one_out", single)) == ("ok", "unbiased", "supported")
    assert outcome(verify("enumeration", single)) == ("ok", "unbiased", "supported")
    assert outcome(verify("straight_through", single, expect="unbiased")) == ("ok", "biased", "refuted")


def test_an_exact_variance_that_differs_is_refuted(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pair whose variance is half as large again as that of the rule it is taken for."""
    monkeypatch.setattr("gradverify.verification.run.verification.has_known_variance", lambda *_: True)
    monkeypatch.setattr("gradverify.verification.run.verification.known_variance", lambda *_: 1.5 * 49.0)
    variance = only(verify(LeaveOneOut(), STEEP)).find("variance")
    assert variance is not None
    assert (variance.outcome, variance.claim) == ("differs from exact", "refuted")


def test_the_error_budget_counts_every_test() -> None:
    run = Verification({"leave_one_out": LeaveOneOut()}, find_problems([WALK, "bernoulli:0.3"], quick=True), settle(alpha=0.01))
    assert run.budget.bias_cells == 4
    spent = run.budget.bias_cells * run.budget.per_cell + run.budget.other_tests * run.budget.per_other_test
    assert spent == pytest.approx(0.01)
    # Two references a problem, a forward law a cell, and the one exact variance.
    assert run.budget.other_tests == 2 * 4 + 4 + 1


def test_a_sampled_reference_adds_nothing_to_the_estimators_variance() -> None:
    """The rows' variance is the exact one, whether the gradient that they are compared with is exact or sampled.

    4.9 standard errors at the exact kurtosis: false-fail rate 9.6e-7 each. At 8,192 rows a variance that is off by 2.5 % fails
    with probability 97.5 %; the sampled gradient, if its rows were counted in, would add a quarter.
    """
    law = enumerate_branches(LeaveOneOut(), cubic, scalar(0.3))
    exact = float(law.variance())
    kurtosis = float((law.weight * (law.rows - law.mean()) ** 4).sum()) / exact**2
    for reference in (None, "likelihood ratio"):
        problem = Problem(name="reference", program=cubic, params=scalar(0.3), chained=False, reference=reference)
        check = only(verify({"pair": LeaveOneOut()}, problem)).find("variance")
        assert check is not None
        assert check.estimate is not None
        assert abs(check.estimate / exact - 1) < 4.9 * ((kurtosis - 1) / check.num_samples) ** 0.5


@pytest.mark.parametrize("seed", [0, 1, 2, 3, 4, 5])
def test_a_reference_that_saw_no_jump_contradicts_nothing(seed: int) -> None:
    """Finite differences of so rare a bit move no uniform across its threshold in most pilots: zeros, which are no evidence."""
    rare = Problem(name="rare_bit", program=lambda params, sample: sample(Bernoulli(params)), params=scalar(4e-4))
    record = verify({"score": ScoreFunction()}, rare, seed=seed, expect="any")
    (references,) = [each for each in record.cells if each.estimator == "references"]
    assert references.status == "ok"
    assert only(record).status == "ok"


@dataclass(frozen=True)
class WaitingScore(LeaveOneOut):
    """Leave-one-out on a law that is no row of the package's table."""

    sites: ClassVar[tuple[type, ...]] = (Waiting,)


@dataclass(frozen=True)
class EarlyScore(WaitingScore):
    """The planted bug: waiting times are drawn as if the rate were a tenth higher."""

    def __call__(self, program: Program, params: torch.Tensor, num_samples: int, generator: torch.Generator) -> torch.Tensor:
        def early(params: torch.Tensor, sample: Sample) -> torch.Tensor:
            return program(params, lambda distribution: sample(Waiting(1.1 * distribution.rate)))  # type: ignore[attr-defined]

        return super().__call__(early, params, num_samples, generator)


def test_a_program_may_write_into_the_values_that_it_is_handed() -> None:
    """The values are its own: the tape and the checks keep theirs. The gradients are p (1 - p) and -1 / rate^2."""

    def bit(params: torch.Tensor, sample: Sample) -> torch.Tensor:
        drawn = sample(Bernoulli(torch.sigmoid(params)))
        kept = drawn.clone()
        drawn.mul_(2)
        return kept

    def waiting(params: torch.Tensor, sample: Sample) -> torch.Tensor:
        drawn = sample(Waiting(params))
        kept = drawn.clone()
        drawn.fill_(7.0)
        return kept

    for estimator, program, value in ((LeaveOneOut(), bit, 0.1), (WaitingScore(), waiting, 2.0)):
        problem = Problem(name="in place", program=program, params=torch.tensor(value, dtype=torch.float64))
        found = {check.check: (check.outcome, check.claim) for check in verify(estimator, problem).cells[-1].checks}
        assert found["forward_law"] == ("pass", "supported")
        assert found["bias"] == ("unbiased", "supported")


def test_a_continuous_law_of_a_file_and_a_row_is_verified() -> None:
    """E[X] = 1 / rate, so the gradient is -1 / rate^2. False-alarm rate 1e-3 a call, at a fixed seed."""
    rate = torch.tensor(2.0, dtype=torch.float64)
    waiting = Problem(name="waiting", program=lambda params, sample: sample(Waiting(params)), params=rate)
    exact = replace(waiting, exact=torch.tensor(-0.25, dtype=torch.float64))
    for problem, reference in ((waiting, "likelihood ratio"), (exact, "exact (given)")):
        cell = verify(WaitingScore(), problem).cells[-1]
        found = {check.check: check.outcome for check in cell.checks}
        assert (found["conformance"], found["forward_law"], found["bias"]) == ("pass", "pass", "unbiased")
        assert cell.find("bias").reference == reference  # type: ignore[union-attr]
    law = verify(EarlyScore(), exact).cells[-1].find("forward_law")
    assert law is not None
    assert (law.outcome, law.claim) == ("failed", "refuted")
    assert "distribution function" in law.note


def mean_of_bits(params: torch.Tensor, sample: Sample) -> torch.Tensor:
    return (5 * sample(Bernoulli(torch.sigmoid(params))).mean(-1)).square()


def test_many_parameters_are_judged_and_their_differences_are_left_out_by_name() -> None:
    params = torch.linspace(-1, 1, 60, dtype=torch.float64)
    record = verify({"scaled": wrong.Scaled(0.5)}, Problem(name="many", program=mean_of_bits, params=params))
    references, bias = record.cells[0].find("references"), record.cells[-1].find("bias")
    assert bias is not None
    assert references is not None
    assert bias.outcome == "biased"
    assert references.outcome == "not compared"
    assert "60 parameters would take 120 evaluations a row" in references.note

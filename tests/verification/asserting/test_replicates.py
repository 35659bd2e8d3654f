"""Replicates on common random numbers, and what an estimator's replicate costs."""

from __future__ import annotations

import pytest

from gradverify.estimators import ConditionalTriple, FlipAll, LeaveOneOut, ScoreFunction
from gradverify.estimators.protocol import Estimator
from gradverify.verification import Problem
from gradverify.verification.asserting.replicates import Replicates, evaluations
from gradverify.verification.plan import settle
from gradverify.verification.problems.registry import find_problems
from gradverify.verification.workbench import Workbench

from ..targets import wrong
from ..targets.programs import FAIR


def drawn(estimators: dict[str, Estimator], problem: Problem = FAIR, seed: int = 0) -> Replicates:
    bench = Workbench(settle(seed=seed), estimators.__getitem__, {problem.name: problem}.__getitem__)
    return Replicates(bench, tuple(estimators), problem.name)


def test_looks_double_and_hold_all_rows_so_far() -> None:
    looks = list(drawn({"a": LeaveOneOut()}).looks("variance screen"))
    assert [seen.count for (seen,) in looks] == [32_768, 65_536, 131_072]


def test_two_estimators_share_their_random_numbers_and_two_stages_do_not() -> None:
    draws = drawn({"a": LeaveOneOut(), "b": wrong.Scaled(2.0)})
    a, b = next(draws.looks("variance screen"))
    assert 4 * a.m2 == pytest.approx(b.m2, rel=1e-12)
    again, _ = next(draws.looks("variance screen"))
    fresh, _ = next(draws.looks("variance confirm"))
    assert again.m2 == a.m2
    assert fresh.m2 != a.m2


def test_a_seed_is_another_sample() -> None:
    (a,), (b,) = (next(drawn({"a": LeaveOneOut()}, seed=seed).looks("variance screen")) for seed in (0, 1))
    assert a.m2 != b.m2


@pytest.mark.parametrize(
    ("estimator", "outcome"), [(wrong.Detached(), "no-gradient"), (wrong.CoupledRows(), "failed"), (LeaveOneOut(), None)]
)
def test_an_estimator_that_breaks_its_contract_is_refused(estimator: Estimator, outcome: str | None) -> None:
    refused = drawn({"sound": ScoreFunction(), "other": estimator}).refusal()
    assert (refused and (refused[0], refused[1].outcome)) == (outcome and ("other", outcome))


def test_evaluations_are_declared_or_counted() -> None:
    walk, bits = find_problems(["random_walk:10/square/p", "bits:3/cubic"], quick=False)
    assert evaluations(LeaveOneOut(4), FAIR) == 4
    assert evaluations(wrong.Scaled(), FAIR) == 1  # says nothing, which means one
    assert evaluations(FlipAll(), bits) == 4  # the run and one for every bit
    assert evaluations(ConditionalTriple(), walk) == 2

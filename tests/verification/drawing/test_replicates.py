"""Replicates on common random numbers, and what an estimator's replicate costs."""

from __future__ import annotations

from itertools import cycle

import pytest
import torch
from torch import Tensor

from gradverify.estimators import ConditionalTriple, FlipAll, LeaveOneOut, Program, ScoreFunction
from gradverify.estimators.protocol import Estimator
from gradverify.verification import Problem
from gradverify.verification.checks.conformance import Conformance
from gradverify.verification.drawing.replicates import DependentRowsError, Replicates, evaluations
from gradverify.verification.plan import settle
from gradverify.verification.problems.registry import find_problems
from gradverify.verification.workbench import Workbench

from ..targets import wrong
from ..targets.programs import FAIR


def drawn(estimators: dict[str, Estimator], problem: Problem = FAIR, seed: int = 0) -> Replicates:
    workbench = Workbench(settle(seed=seed), estimators.__getitem__, {problem.name: problem}.__getitem__)
    return Replicates(tuple(workbench.subject(name, problem.name) for name in estimators))


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


class OncePerStage:
    """The five chunks of a first look, the same in every stage: no stage repeats itself, and the second confirms nothing."""

    def __init__(self) -> None:
        self.seeds = cycle(range(5))

    def __call__(self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
        return LeaveOneOut()(program, params, num_samples, torch.Generator().manual_seed(next(self.seeds)))


def test_a_stage_that_repeats_an_earlier_ones_rows_is_refused() -> None:
    draws = drawn({"a": LeaveOneOut(), "b": OncePerStage()})
    assert next(draws.looks("variance screen"))[1].count == 32_768
    with pytest.raises(DependentRowsError, match="b: chunks drawn from different seeds hold the same rows") as caught:
        next(draws.looks("variance confirm"))
    assert (caught.value.name, caught.value.finding.reason) == ("b", "repeated rows")


@pytest.mark.parametrize("estimator", [wrong.Doubled(), wrong.DoubledHalves()])
def test_rows_that_follow_each_other_are_refused(estimator: Estimator) -> None:
    with pytest.raises(DependentRowsError, match="rows of a chunk have correlation") as caught:
        next(drawn({"a": estimator}).looks("variance screen"))
    assert caught.value.finding == Conformance("failed", "dependent rows", caught.value.finding.note)


def test_evaluations_are_declared_or_counted() -> None:
    walk, bits = find_problems(["random_walk:10/square/p", "bits:3/cubic"], quick=False)
    assert evaluations(LeaveOneOut(4), FAIR) == 4
    assert evaluations(wrong.Scaled(), FAIR) == 1  # says nothing, which means one
    assert evaluations(FlipAll(), bits) == 4  # the run and one for every bit
    assert evaluations(ConditionalTriple(), walk) == 2

"""The laws must fail on what they are meant to find."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch
from torch import Tensor
from torch.distributions import Bernoulli, Categorical, OneHotCategorical

from gradverify.estimators import (
    Estimator,
    FiniteDifference,
    LeaveOneOut,
    NoGradientPathError,
    NotApplicableError,
    Program,
    Sample,
    ScoreFunction,
    StraightThrough,
)
from gradverify.estimators.runs.relaxed import differentiate, one_hot
from gradverify.estimators.runs.tape import draw
from gradverify.estimators.sites.reading import Site

from .intervals import QUANTILE, z_scores
from .laws import check_claim, check_mean, check_refusals, forward_law, moved_rows, rows_of
from .programs import CASES, Case


class _Scaled:
    """A right estimator with its rows multiplied: a flipped sign, or a factor that is a little off."""

    def __init__(self, factor: float) -> None:
        self.factor = factor

    def __call__(self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
        return self.factor * LeaveOneOut(group=2)(program, params, num_samples, generator)


@dataclass(frozen=True)
class _Refusing:
    """A right estimator that says of some cases that it does not apply."""

    cases: tuple[Case, ...]

    def __call__(self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
        if any(program is case.program for case in self.cases):
            raise NotApplicableError("not today")
        return LeaveOneOut()(program, params, num_samples, generator)


def _own_sample_in_the_baseline(program: Program, params: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
    """Leave-one-out that leaves nothing out: the group's mean, without the factor K / (K - 1)."""
    return LeaveOneOut(group=4)(program, params, num_samples, generator) * (3 / 4)


def _batch_mean_baseline(program: Program, params: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
    def centred(rows: Tensor, sample: Sample) -> Tensor:
        objective = program(rows, sample)
        return objective - objective.detach().mean()

    return ScoreFunction()(centred, params, num_samples, generator)


def _detached_straight_through(program: Program, params: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
    def rule(site: Site, source: torch.Generator) -> Tensor:
        return one_hot(site, draw(site, source))

    return differentiate(rule, program, params, num_samples, generator)


def _uniform_samples(program: Program, params: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
    return ScoreFunction()(lambda rows, sample: program(0 * rows, sample), params, num_samples, generator)


DIRECT = next(case for case in CASES if case.name == "direct dependence")


@pytest.mark.parametrize(
    "planted",
    [
        pytest.param(_Scaled(-1.0), id="sign flipped"),
        pytest.param(_Scaled(1.05), id="factor 1.05"),
        pytest.param(_own_sample_in_the_baseline, id="own sample in the baseline"),
    ],
)
def test_planted_bias_is_found(planted: Estimator) -> None:
    """On the case that is least noisy, an error of 5 % is more than the smallest visible one."""
    check_mean(LeaveOneOut(), DIRECT.program, DIRECT.point(), DIRECT.exact(), visible=0.03)
    with pytest.raises(AssertionError, match="standard errors"):
        check_mean(planted, DIRECT.program, DIRECT.point(), DIRECT.exact(), visible=0.03)


def test_planted_bias_of_a_thousandth_is_found_where_outcomes_are_listed() -> None:
    check_claim(_Scaled(1.0), DIRECT.program, DIRECT.point(), DIRECT.exact())
    with pytest.raises(AssertionError, match="not close"):
        check_claim(_Scaled(1.001), DIRECT.program, DIRECT.point(), DIRECT.exact())


def test_planted_noise_is_no_agreement() -> None:
    with pytest.raises(AssertionError, match="too noisy"):
        check_mean(FiniteDifference(step=1e-4), DIRECT.program, DIRECT.point(), DIRECT.exact())


def test_planted_row_coupling_is_found() -> None:
    assert len(moved_rows(_batch_mean_baseline, DIRECT)) > 1


def test_planted_refusal_of_one_program_and_of_all_are_found() -> None:
    check_refusals(LeaveOneOut())
    with pytest.raises(AssertionError, match=r"refused: \['direct dependence'\]"):
        check_refusals(_Refusing((DIRECT,)))
    with pytest.raises(AssertionError):
        check_refusals(_Refusing(CASES))


def test_planted_detached_output_is_found() -> None:
    with pytest.raises(NoGradientPathError, match=r"site 0 \(Bernoulli\)"):
        rows_of(_detached_straight_through, DIRECT.program, DIRECT.point(), 2)


def test_planted_bias_of_a_biased_rule_is_found() -> None:
    case = next(case for case in CASES if case.name == "bits")
    with pytest.raises(AssertionError, match="standard errors"):
        check_mean(StraightThrough(), case.program, case.point(), case.exact())


def test_planted_wrong_law_is_found() -> None:
    params = torch.tensor([0.5, -1.0, 0.3], dtype=torch.float64)
    for site in (Bernoulli, Categorical, OneHotCategorical):
        frequencies, probabilities = forward_law(_uniform_samples, site, params)
        assert (z_scores(frequencies, probabilities) > QUANTILE).any()

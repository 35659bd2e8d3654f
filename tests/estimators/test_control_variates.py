"""MuProp and the double control variate: exact means and variances over all their outcomes."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor
from torch.distributions import Bernoulli, OneHotCategorical

from gradverify.estimators import LeaveOneOut, NotApplicableError, ScoreFunction, control_variates
from gradverify.estimators.control_variates import DoubleControlVariate, MuProp
from gradverify.estimators.enumeration import enumerate_paths
from gradverify.estimators.protocol import Estimator, Program, Sample
from gradverify.estimators.runs.exact import exact_moments
from gradverify.estimators.runs.hard_run import HardRun

from .polynomial_programs import (
    BITS,
    LOGITS_4,
    agrees,
    average,
    bit_chain,
    bit_program,
    check_extremes,
    cubic,
    index_program,
    multilinear,
    one_hot_program,
    outcomes,
    power_of,
    replicates,
    slopes,
    weights,
)

POINT = torch.tensor([0.4, -1.1], dtype=torch.float64)
INDEX_POINT = torch.tensor([0.4, -0.9, 0.2], dtype=torch.float64)
TWO_BITS = BITS[1:]
CASES: list[tuple[Program, Tensor]] = [
    (bit_program(), TWO_BITS),
    (one_hot_program(), LOGITS_4[:, :3]),
    (bit_chain, POINT),
    (index_program, INDEX_POINT),
]


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("estimator", [MuProp(), DoubleControlVariate(-0.8), DoubleControlVariate(1.7)])
def test_exact_mean_is_the_gradient(estimator: Estimator, case: tuple[Program, Tensor]) -> None:
    """Over every outcome of the draws: independent and chained sites, bits, one-hots and indices."""
    program, params = case
    if program is index_program and isinstance(estimator, DoubleControlVariate):
        params = params[:2]
    mean, _ = exact_moments(estimator, program, params)
    torch.testing.assert_close(mean, enumerate_paths(program, params).gradient(), rtol=1e-10, atol=1e-10)


def test_groups_of_three_are_unbiased() -> None:
    mean, _ = exact_moments(DoubleControlVariate(-0.8, group=3), bit_program(), TWO_BITS)
    torch.testing.assert_close(mean, enumerate_paths(bit_program(), TWO_BITS).gradient(), rtol=1e-10, atol=1e-10)


def test_mean_agrees_by_sampling() -> None:
    """At a false-fail rate of 1e-6 a case; an error of a tenth of the gradient would be seen."""
    for estimator in (MuProp(), DoubleControlVariate(-0.9, group=4)):
        exact = enumerate_paths(bit_program(), BITS).gradient()
        rows = replicates(estimator, bit_program(), BITS, 40_000)
        assert agrees(rows, exact)
        assert power_of(rows, 0.1 * exact) > 8


def test_muprop_formula_at_every_outcome(monkeypatch: pytest.MonkeyPatch) -> None:
    """``(f(b) - f(mu) - grad f(mu) (b - mu)) s + J(p) grad f(mu)`` for independent sites, in the logits."""
    probabilities = LOGITS_4.softmax(-1)
    points = outcomes(*LOGITS_4.shape)
    slope = slopes(cubic, probabilities.unsqueeze(0))[0]
    linear = cubic(probabilities.unsqueeze(0)) + ((points - probabilities) * slope).sum((-1, -2))
    residual = (cubic(points) - linear)[:, None, None]
    formula = residual * (points - probabilities) + probabilities * (slope - (probabilities * slope).sum(-1, keepdim=True))
    mean, variance = exact_moments(MuProp(), one_hot_program(), LOGITS_4)
    weight = weights(LOGITS_4, points)
    torch.testing.assert_close(mean, average(weight, formula))
    torch.testing.assert_close(variance, average(weight, (formula - mean).square()))


def test_no_variance_for_linear_objectives() -> None:
    """Linear in independent samples: MuProp, and the double control variate at its minimiser -1, are exact."""

    def program(params: Tensor, sample: Sample) -> Tensor:
        weight = torch.tensor([1.0, -2.0, 0.5], dtype=params.dtype)
        return 7 + sample(OneHotCategorical(logits=params)) @ weight + 3 * sample(Bernoulli(logits=params[:, 0]))

    params = torch.tensor([0.4, -2.2, 0.7], dtype=torch.float64)
    for estimator in (MuProp(), DoubleControlVariate(-1.0)):
        mean, variance = exact_moments(estimator, program, params)
        assert variance.max() < 1e-20
        torch.testing.assert_close(mean, enumerate_paths(program, params).gradient())


def test_a_linear_chain_leaves_muprop_no_residual() -> None:
    """The total slope of the mean field accounts for what an early bit does to later ones."""

    def program(params: Tensor, sample: Sample) -> Tensor:
        first = sample(Bernoulli(logits=params))
        return 5 * sample(Bernoulli(0.2 + 0.6 * first))

    params = torch.tensor(-0.7, dtype=torch.float64)
    mean, variance = exact_moments(MuProp(), program, params)
    torch.testing.assert_close(mean, enumerate_paths(program, params).gradient())
    assert variance < 1e-20
    assert exact_moments(ScoreFunction(), program, params)[1] > 0.1


def test_coefficient_zero_is_leave_one_out() -> None:
    for program, params in CASES:
        rows = replicates(DoubleControlVariate(0.0, group=3), program, params, 50)
        torch.testing.assert_close(rows, replicates(LeaveOneOut(group=3), program, params, 50))


def test_fit_finds_the_minimum_of_the_variance() -> None:
    program, params = bit_program(), TWO_BITS
    cold = DoubleControlVariate()
    warm = cold.fit(program, params, num_samples=4_000, generator=torch.Generator().manual_seed(5))
    variances = {
        each: float(exact_moments(replace(cold, coefficient=each), program, params)[1].sum())
        for each in (0.0, warm.coefficient, warm.coefficient - 0.3, warm.coefficient + 0.3)
    }
    # A parabola in the coefficient: 0.3 to either side of the fitted one is worse.
    assert min(variances, key=lambda each: variances[each]) == warm.coefficient
    assert variances[warm.coefficient] < 0.7 * variances[0.0]


def test_fit_of_an_indicator_keeps_leave_one_out() -> None:
    """No slope, nothing to control with."""

    def program(params: Tensor, sample: Sample) -> Tensor:
        return (sample(Bernoulli(logits=params)).sum(1) > 1).to(params.dtype)

    warm = DoubleControlVariate(0.5).fit(program, BITS, num_samples=50, generator=torch.Generator().manual_seed(5))
    assert warm.coefficient == 0.0
    for estimator in (MuProp(), DoubleControlVariate(-1.0)):
        assert agrees(replicates(estimator, program, BITS, 20_000), enumerate_paths(program, BITS).gradient())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("estimator", [MuProp(), DoubleControlVariate(-1.0)])
def test_extreme_logits_and_certain_outcomes(dtype: torch.dtype, estimator: Estimator) -> None:
    check_extremes(estimator, dtype)


def test_refuses_a_group_of_one() -> None:
    with pytest.raises(NotApplicableError, match="double control variate: group=1"):
        DoubleControlVariate(group=1)


def test_planted_own_slope_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """The control variate of a run built with its own slope, which depends on its sample."""

    class Own(DoubleControlVariate):
        def _average_others(self, rows: Tensor) -> Tensor:
            if rows.dim() == 1:
                return super()._average_others(rows)
            groups = rows.reshape(-1, self.group, *rows.shape[1:])
            return groups.mean(1, keepdim=True).expand(groups.shape).reshape(rows.shape)

    mean, _ = exact_moments(Own(-0.8), bit_program(), TWO_BITS)
    assert (mean - enumerate_paths(bit_program(), TWO_BITS).gradient()).abs().max() > 1e-2


def test_planted_missing_compensation_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(HardRun, "compensation", lambda self, slopes: torch.zeros_like(self.score))
    mean, _ = exact_moments(MuProp(), bit_program(), TWO_BITS)
    assert (mean - enumerate_paths(bit_program(), TWO_BITS).gradient()).abs().max() > 1e-2


def test_planted_mean_field_centre_in_chains_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """Deviations from the mean field, where chains need those from the mean given the past."""

    def from_mean_field(self: HardRun, held: list[Tensor]) -> Tensor:
        fixed = [each.mean(0, keepdim=True).detach() for each in self.means()]
        return sum(
            (slope * (value.detach() - mean) for slope, value, mean in zip(held, self.values, fixed, strict=True)),
            start=torch.zeros_like(self.score),
        )

    monkeypatch.setattr(HardRun, "deviation", from_mean_field)
    mean, _ = exact_moments(MuProp(), bit_chain, POINT)
    assert (mean - enumerate_paths(bit_chain, POINT).gradient()).abs().max() > 1e-2


def test_multilinear_objectives_leave_muprop_less_noise() -> None:
    """Against the plain score function, exactly: the mean field takes the offset and the slopes."""
    program = bit_program(multilinear)
    assert (exact_moments(MuProp(), program, BITS)[1] < 0.2 * exact_moments(ScoreFunction(), program, BITS)[1]).all()
    assert control_variates.MuProp().evaluations == 2

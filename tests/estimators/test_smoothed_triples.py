"""Smoothed triples: the weights by formula, and the trapezoid rule that they make, by enumeration of outcomes."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.distributions import Bernoulli, Categorical, OneHotCategorical

from gradverify.estimators import NotApplicableError, Sample, SmoothedTriple
from gradverify.estimators.enumeration import enumerate_paths
from gradverify.estimators.sites.reading import BernoulliSite, CategoricalSite, OneHotSite
from gradverify.estimators.smoothed_triples import smoothed_weights

from .intervals import QUANTILE, variance_z_score, z_scores
from .programs import coin, outcome_table, polynomial_bits, polynomial_index, random_walk

P = torch.tensor(0.3, dtype=torch.float64)
LOGITS = torch.tensor([0.5, -1.0, 0.3, -2.1], dtype=torch.float64)


def _index_program(objective: Callable[[Tensor], Tensor]) -> Callable[[Tensor, Sample], Tensor]:
    return lambda params, sample: objective(sample(Categorical(logits=params)))


def _trapezoid(slope: Callable[[Tensor], Tensor]) -> Tensor:
    """``-sum_i L_i (f'(i) + f'(i + 1)) / 2``, L_i the derivative of the cumulative probability in every logit."""
    probs = LOGITS.softmax(0)
    cumulative = (probs.diag() - probs.outer(probs)).cumsum(0)[:-1]
    slopes = slope(torch.arange(4, dtype=torch.float64))
    return -(cumulative * ((slopes[:-1] + slopes[1:]) / 2).unsqueeze(1)).sum(0)


@pytest.mark.parametrize(
    ("objective", "mean", "truth"),
    [
        pytest.param(lambda bit: (bit + 1) ** 3, 7.5, 7.0, id="cube"),
        pytest.param(lambda bit: (bit + 1) ** 2, 3.0, 3.0, id="square"),
        pytest.param(lambda bit: bit, 1.0, 1.0, id="linear"),
        pytest.param(torch.exp, (1 + math.e) / 2, math.e - 1, id="exp"),
    ],
)
def test_the_mean_on_one_bit_is_the_trapezoid_rule(objective: Callable[[Tensor], Tensor], mean: float, truth: float) -> None:
    """``(f'(0) + f'(1)) / 2`` for ``f(1) - f(0)``: 7.5 for 7 on the cube."""
    program = coin(objective)
    assert float(outcome_table(SmoothedTriple(), program, P)) == pytest.approx(mean, rel=1e-12)
    assert float(enumerate_paths(program, P).gradient()) == pytest.approx(truth, rel=1e-12)
    rows = SmoothedTriple()(program, P, 100_000, torch.Generator().manual_seed(1))
    assert z_scores(rows, mean) < QUANTILE


@pytest.mark.parametrize(
    ("objective", "slope", "exact"),
    [
        pytest.param(lambda index: 2 * index, lambda index: 2 + 0 * index, True, id="linear"),
        pytest.param(lambda index: (index - 0.7) ** 2, lambda index: 2 * (index - 0.7), True, id="quadratic"),
        pytest.param(lambda index: (index - 0.7) ** 3, lambda index: 3 * (index - 0.7) ** 2, False, id="cubic"),
        pytest.param(torch.exp, torch.exp, False, id="exp"),
    ],
)
def test_the_mean_on_one_index_is_the_trapezoid_rule(
    objective: Callable[[Tensor], Tensor], slope: Callable[[Tensor], Tensor], exact: bool
) -> None:
    program = _index_program(objective)
    mean = outcome_table(SmoothedTriple(), program, LOGITS)
    torch.testing.assert_close(mean, _trapezoid(slope))
    truth = enumerate_paths(program, LOGITS).gradient()
    if exact:
        torch.testing.assert_close(mean, truth)
    else:
        assert (mean - truth).abs().max() > 0.05 * truth.abs().max()


@pytest.mark.parametrize("degree", [1, 2, 3])
def test_independent_samples_are_exact_up_to_degree_two(degree: int) -> None:
    for program, params in (
        (polynomial_bits(degree), torch.tensor([0.4, -0.8, 2.2], dtype=torch.float64)),
        (polynomial_index(degree), LOGITS),
    ):
        mean = outcome_table(SmoothedTriple(), program, params)
        truth = enumerate_paths(program, params).gradient()
        close = torch.allclose(mean, truth, rtol=1e-9, atol=1e-9)
        assert close == (degree <= 2)


def test_chained_programs_are_biased_even_for_squares() -> None:
    def program(params: Tensor, sample: Sample) -> Tensor:
        first = sample(Bernoulli(logits=params[:, 0]))
        second = sample(Bernoulli(logits=params[:, 1] * first**2 - 0.5 * first + 1))
        return (first + 2 * second) ** 2

    params = torch.tensor([0.4, 1.3], dtype=torch.float64)
    mean = outcome_table(SmoothedTriple(), program, params)
    truth = enumerate_paths(program, params).gradient()
    assert (mean - truth).abs().max() > 0.01 * truth.abs().max()


def test_weights_of_bits() -> None:
    site = BernoulliSite(torch.tensor([0.2, 0.2], dtype=torch.float64))
    weights = smoothed_weights(site, torch.tensor([True, False]))
    assert weights.tolist() == pytest.approx([1 / 0.4, 1 / 1.6])


@pytest.mark.parametrize("probs", [(0.2, 0.5, 0.3), (0.7, 0.2, 0.1), (0.1, 0.2, 0.7)])
def test_weights_of_indices(probs: tuple[float, ...]) -> None:
    """``w_j(i) = -(1[j < i] + 1[j <= i] 1[i < K - 1]) / (2 p_i)``, written out for K = 3.

    Up to a constant over j: derivatives of probabilities sum to zero, so it multiplies nothing.
    """
    point = torch.tensor(probs, dtype=torch.float64)
    jumps = torch.tensor([[1.0, 0.0, 0.0], [2.0, 1.0, 0.0], [1.0, 1.0, 0.0]], dtype=torch.float64)
    expected = -jumps / (2 * point.unsqueeze(1))
    found = smoothed_weights(CategoricalSite(point.expand(3, 3)), torch.arange(3))
    assert found.shape == (3, 3)
    torch.testing.assert_close(found - found[:, :1], expected - expected[:, :1])


def test_two_categories_are_a_bit() -> None:
    logits = torch.tensor([0.3, -0.9], dtype=torch.float64)
    by_index = outcome_table(SmoothedTriple(), _index_program(lambda index: (index + 1) ** 3), logits)
    by_bit = outcome_table(
        SmoothedTriple(),
        lambda params, sample: (sample(Bernoulli(logits=params[:, 1] - params[:, 0])) + 1) ** 3,
        logits,
    )
    torch.testing.assert_close(by_index, by_bit)


@pytest.mark.parametrize(("p", "row"), [(0.0, 3 / 2), (1.0, 12 / 2)])
def test_certain_bits_give_half_the_slope(p: float, row: float) -> None:
    rows = SmoothedTriple()(coin(lambda bit: (bit + 1) ** 3), torch.tensor(p), 4, torch.Generator())
    assert rows.tolist() == [row] * 4


def test_multi_element_sites_add_up() -> None:
    """Four bits of one probability, linear objective: exact element by element."""
    coefficients = torch.tensor([[1.0, -2.0], [5.0, 0.5]], dtype=torch.float64)

    def program(params: Tensor, sample: Sample) -> Tensor:
        bits = sample(Bernoulli(params[:, None, None].expand(-1, 2, 2)))
        return (bits * coefficients).sum((1, 2))

    torch.testing.assert_close(outcome_table(SmoothedTriple(), program, P), torch.tensor(4.5, dtype=torch.float64))


def test_the_variance_on_the_walk_is_the_exact_one() -> None:
    """1.48 at n = p = 10, quoted to three digits; kurtosis interval, false-fail rate 9.6e-7."""
    params = torch.tensor(10.0, dtype=torch.float64)
    rows = SmoothedTriple()(random_walk(10), params, 100_000, torch.Generator().manual_seed(1))
    distance, visible = variance_z_score(rows, 1.48, rounding=0.005)
    assert visible < 0.05
    assert distance < QUANTILE


def test_one_hot_values_are_refused() -> None:
    with pytest.raises(NotApplicableError, match="use an index-valued site"):
        SmoothedTriple()(lambda params, sample: sample(OneHotCategorical(logits=params))[:, 0], LOGITS, 2, torch.Generator())
    with pytest.raises(NotApplicableError, match="no neighbours"):
        smoothed_weights(OneHotSite(LOGITS.softmax(0).unsqueeze(0)), torch.tensor([0]))

"""Estimators over outcomes drawn without replacement: exact means and variances.

The unordered set by exact mode; the importance-weighted ones by quadrature over the time of the first arrival that is not kept.
Statistical tests: two-sided false-fail rate 9.6e-7 a number at fixed seeds; each asserts what it would have seen.
"""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.distributions import Bernoulli, Categorical

from gradverify.estimators import Estimator, NotApplicableError, Sample, without_replacement
from gradverify.estimators.enumeration import enumerate_paths
from gradverify.estimators.runs.exact import exact_moments
from gradverify.estimators.runs.outcomes import JointOutcomes
from gradverify.estimators.without_replacement import NormalisedWithoutReplacement, UnorderedSet, WithoutReplacement
from gradverify.verification.problems.toys import THREE_BITS, bits_near

from .antithetic_moments import check_moments
from .intervals import QUANTILE, smallest_visible, z_scores

FIVE = torch.tensor([0.4, -0.9, 0.1, -2.1, 0.8], dtype=torch.float64)
MIXED = torch.tensor([0.3, -1.5, 1.2], dtype=torch.float64)


def one_of_five(params: Tensor, sample: Sample) -> Tensor:
    """Far from zero, curved, and depending on the parameters itself."""
    index = sample(Categorical(logits=params))
    return 3 + (index - 1.3) ** 3 + params[:, 0] * index


def mixed_sites(params: Tensor, sample: Sample) -> Tensor:
    index = sample(Categorical(logits=params))
    bits = sample(Bernoulli(logits=params[:, :2]))
    return 3 + index * bits[:, 0] * bits[:, 1] + (index + bits[:, 0] - 2 * bits[:, 1]) ** 3 + params[:, 0] * index


def arrivals(probs: np.ndarray, kept: int, nodes: int = 300) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sets of first arrivals, the time of the next one, and their joint weights, as one flat list.

    Given that j comes next at time t, with density ``p_j exp(-p_j t)``, the others have or have not arrived independently.
    Gauss-Legendre in ``exp(-t min p)``, in which the integrands have no singularity.
    """
    least = probs.min()
    points, weights = np.polynomial.legendre.leggauss(nodes)
    fraction = (1 + points) / 2
    times = -np.log(fraction) / least
    measure = weights / 2 / (fraction * least)
    chosen, moments, masses = [], [], []
    for subset in itertools.combinations(range(len(probs)), kept):
        others = [k for k in range(len(probs)) if k not in subset]
        arrived = np.prod(-np.expm1(-np.outer(times, probs[list(subset)])), 1)
        density = arrived * probs[others].sum() * np.exp(-times * probs[others].sum())
        chosen += nodes * [subset]
        moments.append(times)
        masses.append(density * measure)
    return np.array(chosen), np.concatenate(moments), np.concatenate(masses)


def quadrature(estimator: Estimator, kept: int, monkeypatch: pytest.MonkeyPatch) -> tuple[np.ndarray, np.ndarray]:
    """Exact mean and variance on `one_of_five`: the estimator is handed every set and time, a row each."""
    probs = FIVE.softmax(0)
    chosen, times, mass = arrivals(probs.numpy(), kept)
    assert mass.sum() == pytest.approx(1, abs=1e-9)
    drawn = probs[torch.as_tensor(chosen)]
    weight = drawn / -torch.expm1(-drawn * torch.as_tensor(times).unsqueeze(1))
    with monkeypatch.context() as patch:
        patch.setattr(without_replacement, "_first_arrivals", lambda *_: (torch.as_tensor(chosen), weight))
        rows = estimator(one_of_five, FIVE, len(chosen), torch.Generator()).numpy()
    mean = mass @ rows
    return mean, mass @ (rows - mean) ** 2


@pytest.mark.parametrize(("kept", "baseline"), [(1, False), (2, False), (2, True), (3, False), (3, True)])
def test_importance_weights_are_unbiased(kept: int, baseline: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    mean, _ = quadrature(WithoutReplacement(kept, baseline), kept, monkeypatch)
    np.testing.assert_allclose(mean, enumerate_paths(one_of_five, FIVE).gradient(), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("kept", [2, 3])
def test_normalised_weights_have_their_own_mean(kept: int, monkeypatch: pytest.MonkeyPatch) -> None:
    mean, variance = quadrature(NormalisedWithoutReplacement(kept), kept, monkeypatch)
    assert np.abs(mean - enumerate_paths(one_of_five, FIVE).gradient().numpy()).max() > 0.05
    rows = NormalisedWithoutReplacement(kept)(one_of_five, FIVE, 200_000, torch.Generator().manual_seed(1))
    check_moments(rows, mean, variance, visible=0.15)


def test_drawn_importance_weights_have_their_mean() -> None:
    """Three of twelve outcomes: the fourth moment is not finite, so only the mean is held against its exact value."""
    exact = enumerate_paths(mixed_sites, MIXED).gradient()
    rows = WithoutReplacement(3)(mixed_sites, MIXED, 200_000, torch.Generator().manual_seed(1))
    assert (smallest_visible(rows) < 0.1 * exact.abs().max()).all()
    assert (z_scores(rows, exact) < QUANTILE).all()


def test_first_arrivals_have_their_law() -> None:
    """Return the frequency of keeping each outcome and its mean importance weight; their product is p."""
    probs = FIVE.softmax(0)
    outcomes = JointOutcomes(probs, torch.arange(5).unsqueeze(1))
    chosen, weight = without_replacement._first_arrivals(outcomes, 2, 200_000, torch.Generator().manual_seed(1))
    subsets, _, mass = arrivals(probs.numpy(), 2)
    for k in range(5):
        kept = (chosen == k).any(1).double()
        assert z_scores(kept, mass[(subsets == k).any(1)].sum()) < QUANTILE
        assert z_scores((weight * (chosen == k)).sum(1), float(probs[k])) < QUANTILE


@pytest.mark.parametrize(("kept", "baseline"), [(1, False), (2, False), (2, True), (3, False), (3, True)])
def test_unordered_set_is_unbiased(kept: int, baseline: bool) -> None:
    for program, params in ((one_of_five, FIVE), (mixed_sites, MIXED)):
        mean, _ = exact_moments(UnorderedSet(kept, baseline), program, params)
        torch.testing.assert_close(mean, enumerate_paths(program, params).gradient(), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(
    ("estimator", "at_zero", "at_minus_four"),
    [
        (UnorderedSet(2), 6.1125e-3, 2.978e-5),
        (UnorderedSet(3), 2.2625e-3, 8.07e-6),
        (UnorderedSet(4), 1.1308e-3, 1.06e-6),
        (UnorderedSet(2, baseline=False), 0.18789, 1.210e-3),
    ],
)
def test_toy_variances(estimator: Estimator, at_zero: float, at_minus_four: float) -> None:
    """The expected values are quoted to three to five digits."""
    for logit, expected in ((0.0, at_zero), (-4.0, at_minus_four)):
        _, variance = exact_moments(estimator, bits_near(THREE_BITS), torch.tensor(logit, dtype=torch.float64))
        assert variance.item() == pytest.approx(expected, rel=5e-3)


def test_two_of_a_set_have_a_closed_form() -> None:
    probs, rest = torch.tensor([[0.2, 0.5]], dtype=torch.float64), torch.tensor([0.3], dtype=torch.float64)
    first, second = probs[0]
    ratio = without_replacement._set_probability(probs[:, 1:], rest) / without_replacement._set_probability(probs, rest)
    torch.testing.assert_close(ratio[0], (1 - second) / (first * (2 - first - second)))


def test_set_probabilities_are_sums_over_orders() -> None:
    """Also where the rest is so rare that one minus the set's probability would have no digit left."""
    for logits in (FIVE, torch.tensor([0.0, 1.0, -40.0, 0.5, -41.0], dtype=torch.float64)):
        probs = logits.softmax(0)
        chosen, others = [0, 1, 3], [2, 4]
        rest = probs[others].sum()
        orders = []
        for order in itertools.permutations(chosen):
            left = [rest + sum(probs[k] for k in order[i:]) for i in range(3)]
            orders.append(math.prod(float(probs[k] / mass) for k, mass in zip(order, left, strict=True)))
        found = without_replacement._set_probability(probs[chosen].unsqueeze(0), rest.unsqueeze(0))
        assert found.item() == pytest.approx(sum(orders), rel=1e-12)


@pytest.mark.parametrize(
    "estimator", [WithoutReplacement(5), WithoutReplacement(7, baseline=True), NormalisedWithoutReplacement(5), UnorderedSet(6)]
)
def test_keeping_everything_is_exact(estimator: Estimator) -> None:
    rows = estimator(one_of_five, FIVE, 10, torch.Generator().manual_seed(1))
    torch.testing.assert_close(rows, enumerate_paths(one_of_five, FIVE).gradient().expand(10, -1))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(
    "estimator", [WithoutReplacement(), WithoutReplacement(4, baseline=True), NormalisedWithoutReplacement(3), UnorderedSet(3)]
)
def test_extreme_logits_give_finite_rows(estimator: Estimator, dtype: torch.dtype) -> None:
    for logits in ((30.0, -30.0, 0.0, 29.0, -200.0), (-30.0, -30.0, 30.0, -29.0, -31.0)):
        params = torch.tensor(logits, dtype=dtype)
        rows = estimator(one_of_five, params, 2000, torch.Generator().manual_seed(1))
        assert rows.isfinite().all()
        assert rows.dtype == dtype


def test_what_does_not_fit_is_refused_by_name() -> None:
    for make, message in (
        (lambda: WithoutReplacement(0), "without replacement: kept=0"),
        (lambda: NormalisedWithoutReplacement(1), "normalised without replacement: kept=1"),
        (lambda: WithoutReplacement(1, baseline=True), "without replacement: kept=1; it needs at least 2"),
        (lambda: UnorderedSet(0, baseline=False), "unordered set: kept=0; it needs at least 1"),
        (lambda: UnorderedSet(1), "unordered set: kept=1; it needs at least 2"),
        (lambda: UnorderedSet(11), "unordered set: kept=11"),
    ):
        with pytest.raises(NotApplicableError, match=message):
            make()
    with pytest.raises(NotApplicableError, match="unordered set: the sites have 5 joint outcomes"):
        UnorderedSet(max_outcomes=4)(one_of_five, FIVE, 2, torch.Generator())


# Planted bugs.


def threshold_among_the_kept(
    outcomes: JointOutcomes, kept: int, rows: int, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """The last kept arrival as the threshold."""
    probs = outcomes.probs.expand(rows, -1)
    times, order = (torch.empty_like(probs).exponential_(generator=generator) / probs).topk(kept, largest=False)
    drawn = probs.gather(1, order)
    return order, drawn / -torch.expm1(-drawn * times[:, -1:])


def test_planted_threshold_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(without_replacement, "_first_arrivals", threshold_among_the_kept)
    exact = enumerate_paths(mixed_sites, MIXED).gradient()
    rows = WithoutReplacement(3)(mixed_sites, MIXED, 100_000, torch.Generator().manual_seed(1))
    assert (z_scores(rows, exact) > QUANTILE).any()


@pytest.mark.parametrize(
    ("name", "planted"),
    [
        ("_second_order", lambda probs, rest, without: torch.ones(len(probs), probs.shape[1], probs.shape[1]).double()),
        ("_set_probability", lambda probs, rest: probs.prod(1)),
    ],
)
def test_planted_set_probabilities_are_found(name: str, planted: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(without_replacement, name, planted)
    mean, _ = exact_moments(UnorderedSet(3), one_of_five, FIVE)
    assert (mean - enumerate_paths(one_of_five, FIVE).gradient()).abs().max() > 0.01

"""The score function and its baselines: row by row against the formula, variances against exact ones.

Variance tests: the interval comes from the rows' own fourth moment; two-sided false-fail rate 9.6e-7 in the normal limit; the
smallest relative error that they find with probability 97.5 % is asserted.
"""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.distributions import Bernoulli

from gradverify.estimators import Estimator, FittedBaseline, LeaveOneOut, NotApplicableError, Sample, ScoreFunction
from gradverify.estimators.enumeration import enumerate_paths

from .intervals import QUANTILE, smallest_visible, variance_z_score, z_scores
from .programs import CASES, coin, random_walk

NUM_STEPS = 10
MEAN_SQUARE = 29.53888502


def _generator(seed: int = 1) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _walk_rows(estimator: Estimator, num_samples: int = 200_000) -> Tensor:
    return estimator(random_walk(NUM_STEPS), torch.tensor(float(NUM_STEPS), dtype=torch.float64), num_samples, _generator())


def _walk_moments() -> tuple[Tensor, Tensor, Tensor]:
    """Weight, objective and score of each of the walk's possible paths."""
    paths = enumerate_paths(random_walk(NUM_STEPS), torch.tensor(float(NUM_STEPS), dtype=torch.float64))
    possible = paths.weight > 0
    return paths.weight[possible], paths.objective[possible], (paths.weight_gradient / paths.weight)[possible]


def _variance(weight: Tensor, values: Tensor) -> float:
    return float((weight * values**2).sum() - (weight * values).sum() ** 2)


def _watched(objective: Tensor, seen: list[Tensor]) -> Tensor:
    seen.append(objective.detach())
    return objective


def test_rows_follow_the_formula() -> None:
    """One bit: (f - b) (bit - p) / (p (1 - p)) plus the direct derivative, row by row."""
    p, baseline = torch.tensor(0.3, dtype=torch.float64), 2.5
    seen: list[Tensor] = []

    def program(params: Tensor, sample: Sample) -> Tensor:
        bit = _watched(sample(Bernoulli(params)), seen)
        return (bit + 1) ** 3 + params**2 * bit

    rows = ScoreFunction(baseline=baseline)(program, p, 50, _generator())
    (bit,) = seen
    objective = (bit + 1) ** 3 + p**2 * bit
    torch.testing.assert_close(rows, (objective - baseline) * (bit - p) / (p * (1 - p)) + 2 * p * bit)


@pytest.mark.parametrize("group", [2, 3, 5])
def test_leave_one_out_follows_the_formula(group: int) -> None:
    """Each run's baseline is the mean of the *other* runs of its group, and the group's rows lie together."""
    p = torch.tensor(0.3, dtype=torch.float64)
    seen: list[Tensor] = []
    rows = LeaveOneOut(group=group)(
        lambda params, sample: (_watched(sample(Bernoulli(params)), seen) + 1) ** 3, p, 40, _generator()
    )
    bits = seen[0].reshape(40, group)
    objective, score = (bits + 1) ** 3, (bits - p) / (p * (1 - p))
    others = (objective.sum(1, keepdim=True) - objective) / (group - 1)
    torch.testing.assert_close(rows, ((objective - others) * score).mean(1))
    own = ((objective - objective.mean(1, keepdim=True)) * score).mean(1)
    assert not torch.allclose(rows, own), "a baseline with the own sample in it would pass"


@pytest.mark.parametrize("estimator", [ScoreFunction(baseline=-3.0), LeaveOneOut(group=2), LeaveOneOut(group=5)])
def test_no_hyper_parameter_biases(estimator: Estimator) -> None:
    for case in CASES:
        rows = estimator(case.program, case.point(), 30_000, _generator())
        exact = case.exact()
        assert (smallest_visible(rows) < 0.4 * exact.abs().max()).all()
        assert (z_scores(rows, exact) < QUANTILE).all(), case.name


def test_a_group_of_one_is_refused() -> None:
    with pytest.raises(NotApplicableError, match=r"group=1; .* needs at least 2"):
        LeaveOneOut(group=1)


def test_evaluations_are_the_group() -> None:
    assert (LeaveOneOut(group=7).evaluations, ScoreFunction.evaluations) == (7, 1)


def test_fitting_finds_the_mean_objective_and_returns_a_new_value() -> None:
    program, params = random_walk(NUM_STEPS), torch.tensor(float(NUM_STEPS), dtype=torch.float64)
    unfitted = FittedBaseline()
    fitted = unfitted.fit(program, params, num_samples=40_000, generator=_generator())
    assert unfitted.baseline == 0.0
    assert type(fitted) is FittedBaseline
    weight, objective, _ = _walk_moments()
    error = (_variance(weight, objective) / 40_000) ** 0.5
    assert abs(fitted.baseline - MEAN_SQUARE) < QUANTILE * error
    assert error < 0.01 * MEAN_SQUARE


def test_an_unfitted_baseline_is_the_plain_score_function() -> None:
    assert torch.equal(_walk_rows(FittedBaseline(), 100), _walk_rows(ScoreFunction(), 100))


@pytest.mark.parametrize(
    ("baseline", "published"), [pytest.param(0.0, 52.2, id="plain"), pytest.param(MEAN_SQUARE, 18.4, id="mean baseline")]
)
def test_the_variance_on_the_walk_is_the_exact_one(baseline: float, published: float) -> None:
    weight, objective, score = _walk_moments()
    exact = _variance(weight, (objective - baseline) * score)
    assert exact == pytest.approx(published, abs=0.05)
    distance, visible = variance_z_score(_walk_rows(ScoreFunction(baseline=baseline)), exact, rounding=0.0)
    assert visible < 0.1
    assert distance < QUANTILE


def test_the_variance_of_leave_one_out_is_the_exact_one() -> None:
    """K = 2 is ``(f_1 - f_2)(s_1 - s_2) / 2``, summed over all pairs of paths; times K it is 34.6."""
    weight, objective, score = _walk_moments()
    pairs = (objective - objective.unsqueeze(1)) * (score - score.unsqueeze(1)) / 2
    exact = _variance(weight * weight.unsqueeze(1), pairs)
    assert 2 * exact == pytest.approx(34.6, abs=0.05)
    distance, visible = variance_z_score(_walk_rows(LeaveOneOut()), exact, rounding=0.0)
    assert visible < 0.1
    assert distance < QUANTILE


def test_a_variance_that_is_a_tenth_off_is_found() -> None:
    """Planted: rows 5 % too wide about their mean."""
    weight, objective, score = _walk_moments()
    exact = _variance(weight, (objective - MEAN_SQUARE) * score)
    rows = _walk_rows(ScoreFunction(baseline=MEAN_SQUARE))
    assert variance_z_score(rows.mean() + 1.05 * (rows - rows.mean()), exact, rounding=0.0)[0] > QUANTILE


def test_a_constant_site_needs_no_score() -> None:
    """A site that does not depend on the parameters adds noise and no gradient."""

    def program(params: Tensor, sample: Sample) -> Tensor:
        return params * sample(Bernoulli(torch.full((len(params),), 0.5, dtype=params.dtype)))

    rows = ScoreFunction()(program, torch.tensor(2.0), 20, _generator())
    assert set(rows.tolist()) == {0.0, 1.0}


@pytest.mark.parametrize(("p", "slope"), [(0.0, -1.0), (1.0, 8.0)])
def test_a_certain_bit_keeps_the_score_of_what_it_drew(p: float, slope: float) -> None:
    """The other outcome is out of sight: what is left is f(b) times +-1, which is why the support must not move."""
    rows = ScoreFunction()(coin(lambda bit: (bit + 1) ** 3), torch.tensor(p), 3, _generator())
    assert rows.tolist() == [slope] * 3

"""Count sites: the tables against torch and closed forms, and every rule that works on them against exact moments."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.autograd import forward_ad
from torch.distributions import Binomial, Distribution, Geometric, Poisson

from gradverify.estimators import (
    Estimator,
    LeaveOneOut,
    MarkovProgram,
    Program,
    Sample,
    ScoreFunction,
    SmoothedTriple,
    StochasticTriple,
    UnsupportedSiteError,
)
from gradverify.estimators.alternatives.dual_numbers import dual_number
from gradverify.estimators.alternatives.jumps import one_sided_jump
from gradverify.estimators.conditional_triples import ConditionalTriple
from gradverify.estimators.enumeration import enumerate_paths
from gradverify.estimators.runs.exact import exact_moments
from gradverify.estimators.sites.counts import count_probabilities
from gradverify.estimators.sites.reading import CategoricalSite, site_of
from gradverify.estimators.smoothed_triples import smoothed_weights

from ..intervals import QUANTILE, z_scores

P = 0.3
RATE = 2.5

KINDS: dict[str, Callable[[Tensor], Distribution]] = {
    "binomial": lambda p: Binomial(6, p),
    "geometric": lambda p: Geometric(p),
    "poisson": lambda rate: Poisson(rate),
}

POINTS = {"binomial": P, "geometric": P, "poisson": RATE}

WEIGHTS: dict[str, tuple[Callable[[Tensor, float], Tensor], Callable[[Tensor, float], Tensor]]] = {
    "binomial": (lambda x, p: (6 - x) / (1 - p), lambda x, p: x / p),
    "geometric": (lambda x, p: -(x + 1) / p, lambda x, p: -x / (p * (1 - p))),
    "poisson": (lambda x, rate: torch.ones_like(x), lambda x, rate: x / rate),
}
"""Rates of the jumps to x + 1 and to x - 1, signed, as in the closed forms; smoothing takes half their sum."""


def _point(name: str, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.tensor(POINTS[name], dtype=dtype)


def _program(name: str, objective: Callable[[Tensor], Tensor]) -> Program:
    return lambda params, sample: objective(sample(KINDS[name](params)))


def _cubic(x: Tensor) -> Tensor:
    return 5 + (0.4 * x - 0.7) ** 3


class TestTables:
    @pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
    @pytest.mark.parametrize("name", KINDS)
    def test_probabilities_are_those_of_torch(self, name: str, dtype: torch.dtype) -> None:
        distribution = KINDS[name](_point(name, dtype).reshape(1))
        table = count_probabilities(distribution)
        assert table.dtype == dtype
        support = torch.arange(table.shape[-1], dtype=dtype)
        exact = KINDS[name](_point(name).reshape(1)).log_prob(support.double()).exp()
        torch.testing.assert_close(table[0].double(), exact, rtol=1e-12 if dtype == torch.float64 else 1e-6, atol=1e-30)
        assert abs(float(table.double().sum()) - 1) < (1e-14 if dtype == torch.float64 else 2e-7)

    @pytest.mark.parametrize("name", KINDS)
    def test_derivatives(self, name: str) -> None:
        """Reverse mode against central differences, and forward mode against reverse."""
        parameter = _point(name).reshape(1).requires_grad_()

        def fixed_length(value: Tensor) -> Tensor:
            return count_probabilities(KINDS[name](value))[..., :7]

        above, below = (fixed_length(parameter.detach() + step) for step in (1e-6, -1e-6))
        slope = torch.autograd.functional.jacobian(fixed_length, parameter.detach())[0, :, 0]
        torch.testing.assert_close(slope, ((above - below) / 2e-6)[0], rtol=1e-7, atol=1e-9)
        with forward_ad.dual_level():
            tangent = forward_ad.unpack_dual(fixed_length(dual_number(parameter.detach()))).tangent
        torch.testing.assert_close(tangent[0], slope, rtol=0, atol=1e-15)

    @pytest.mark.parametrize(
        ("distribution", "values", "slopes"),
        [
            (lambda p: Binomial(2, p), (1.0, 0.0, 0.0), (-2.0, 2.0, 0.0)),
            (lambda p: Binomial(2, 1 - p), (0.0, 0.0, 1.0), (0.0, 2.0, -2.0)),
            (lambda p: Geometric(1 - p), (1.0, 0.0), (-1.0, 1.0)),
            (lambda p: Poisson(p), (1.0, 0.0, 0.0), (-1.0, 1.0, 0.0)),
        ],
    )
    def test_boundaries(
        self, distribution: Callable[[Tensor], Distribution], values: tuple[float, ...], slopes: tuple[float, ...]
    ) -> None:
        """At probability 0 and 1 and at rate 0 nothing is clamped and nothing is NaN."""
        parameter = torch.zeros(1, dtype=torch.float64)
        table = count_probabilities(distribution(parameter))
        slope = torch.autograd.functional.jacobian(lambda value: count_probabilities(distribution(value)), parameter)
        assert table[0, : len(values)].tolist() == list(values)
        assert slope[0, : len(slopes), 0].tolist() == list(slopes)
        assert torch.isfinite(slope).all()
        assert not table[0, len(values) :].any()
        assert not slope[0, len(slopes) :].any()

    def test_rows_of_different_length(self) -> None:
        """Each row keeps its own law where the table is longer than it needs."""
        table = count_probabilities(Binomial(torch.tensor([2.0, 5.0]), torch.tensor([0.3, 0.6])))
        assert table.shape == (2, 6)
        torch.testing.assert_close(table[0, :3], torch.tensor([0.49, 0.42, 0.09]))
        assert not table[0, 3:].any()
        rates = count_probabilities(Poisson(torch.tensor([0.1, 60.0], dtype=torch.float64)))
        torch.testing.assert_close(rates.sum(-1), torch.ones(2, dtype=torch.float64), rtol=0, atol=1e-13)

    def test_many_trials(self) -> None:
        """No overflow of the number of ways, no underflow of the powers."""
        table = count_probabilities(Binomial(5000, torch.tensor([0.5], dtype=torch.float64)))
        assert float(table.sum()) == pytest.approx(1, abs=1e-10)

    def test_long_tables_are_refused(self) -> None:
        with pytest.raises(UnsupportedSiteError, match=r"Geometric site needs a table of 3.67e\+05 categories"):
            site_of(Geometric(torch.tensor([0.5, 1e-4], dtype=torch.float64)))
        with pytest.raises(UnsupportedSiteError, match="Geometric site needs a table of inf"):
            site_of(Geometric(torch.tensor([0.0]), validate_args=False))
        with pytest.raises(UnsupportedSiteError, match="Poisson site needs"):
            site_of(Poisson(torch.tensor([1e5])))


class TestRules:
    """The index-valued rules on tables are the closed forms of the count distributions."""

    @staticmethod
    def _site(name: str) -> tuple[CategoricalSite, Tensor, Tensor]:
        parameter = _point(name).reshape(1).requires_grad_()
        site = site_of(KINDS[name](parameter))
        assert isinstance(site, CategoricalSite)
        count = 7
        rows = site.with_probs(site.probs.expand(count, -1))
        return rows, parameter, torch.arange(count)

    @pytest.mark.parametrize("name", KINDS)
    def test_smoothed_weights(self, name: str) -> None:
        """For every count x the derivative is half the sum of the two signed rates."""
        site, parameter, index = self._site(name)
        up, down = (weight(index.double(), POINTS[name]) for weight in WEIGHTS[name])
        surrogate = (smoothed_weights(site, index) * site.probabilities()).sum(-1)
        for row, expected in enumerate((up + down) / 2):
            (slope,) = torch.autograd.grad(surrogate[row], parameter, retain_graph=True)
            assert float(slope) == pytest.approx(float(expected), rel=1e-10)

    @pytest.mark.parametrize("sign", [1, -1])
    @pytest.mark.parametrize("name", KINDS)
    def test_one_sided_jumps(self, name: str, sign: int) -> None:
        site, _, index = self._site(name)
        slope = torch.autograd.functional.jacobian(
            lambda value: count_probabilities(KINDS[name](value))[0], _point(name).reshape(1)
        ).squeeze(-1)
        jump = one_sided_jump(site.detach(), sign * slope.expand(len(index), -1), index, torch.Generator())
        up, down = (weight(index.double(), POINTS[name]) for weight in WEIGHTS[name])
        rises = (up * sign > 0).any()
        torch.testing.assert_close(jump.rate, (up if rises else -sign * down).abs(), rtol=1e-10, atol=1e-12)
        moving = jump.rate > 1e-12
        assert torch.equal(jump.alternative[moving], (index + (1 if rises else -1))[moving])

    @pytest.mark.parametrize("name", KINDS)
    def test_score(self, name: str) -> None:
        site, parameter, index = self._site(name)
        surrogate = site.score_surrogate(index)
        for x in index.tolist():
            (slope,) = torch.autograd.grad(surrogate[x], parameter, retain_graph=True)
            value = _point(name).requires_grad_()
            KINDS[name](value).log_prob(torch.tensor(float(x), dtype=torch.float64)).backward()
            assert float(slope) == pytest.approx(float(value.grad), rel=1e-10)


class TestEstimators:
    """d/dtheta E f(X) over all branches."""

    @pytest.mark.parametrize("name", KINDS)
    @pytest.mark.parametrize("estimator", [ScoreFunction(), LeaveOneOut(group=2), StochasticTriple()], ids=str)
    def test_unbiased(self, name: str, estimator: Estimator) -> None:
        mean, variance = exact_moments(estimator, _program(name, _cubic), _point(name))
        exact = enumerate_paths(_program(name, _cubic), _point(name)).gradient()
        assert float(mean) == pytest.approx(float(exact), abs=1e-10)
        assert torch.isfinite(variance)

    def test_moments(self) -> None:
        """Derivatives of the first three moments, by hand."""
        expected = {"binomial": 6.0, "geometric": -1 / P**2, "poisson": 1.0}
        for name, slope in expected.items():
            mean, _ = exact_moments(StochasticTriple(), _program(name, lambda x: x), _point(name))
            assert float(mean) == pytest.approx(slope, rel=1e-12)
        mean, _ = exact_moments(StochasticTriple(), _program("poisson", lambda x: x**3), _point("poisson"))
        assert float(mean) == pytest.approx(3 * RATE**2 + 6 * RATE + 1, rel=1e-12)

    def test_variances(self) -> None:
        """Var of the pruned triple of E X: rates 1 / (1 - p) times 6 - X; of smoothing on Poisson, (1 + X / rate) / 2."""
        _, variance = exact_moments(StochasticTriple(), _program("binomial", lambda x: x), _point("binomial"))
        assert float(variance) == pytest.approx(6 * P / (1 - P), rel=1e-12)
        _, variance = exact_moments(SmoothedTriple(), _program("poisson", lambda x: x), _point("poisson"))
        assert float(variance) == pytest.approx(1 / (4 * RATE), rel=1e-10)

    @pytest.mark.parametrize("name", KINDS)
    def test_smoothed_is_exact_for_quadratics(self, name: str) -> None:
        square = _program(name, lambda x: (x - 1.3) ** 2)
        mean, _ = exact_moments(SmoothedTriple(), square, _point(name))
        assert float(mean) == pytest.approx(float(enumerate_paths(square, _point(name)).gradient()), rel=1e-10)

    def test_smoothed_bias_of_a_cubic(self) -> None:
        """Trapezoid for midpoint: x^3 is off by 1 / 2 for each unit of jump rate: d/drate E X^3 is 0.5 too large."""
        mean, _ = exact_moments(SmoothedTriple(), _program("poisson", lambda x: x**3), _point("poisson"))
        assert float(mean) == pytest.approx(3 * RATE**2 + 6 * RATE + 1.5, rel=1e-10)

    @pytest.mark.parametrize("flow", ["upward", "downward", "one_sided"])
    def test_branching_process(self, flow: str) -> None:
        """X' ~ Poisson(0.3 + theta X): tables of different length side by side; E X_3 in closed form."""
        program = MarkovProgram(
            num_steps=2,
            initial=torch.ones_like,
            site=lambda params, state, k: Poisson(0.3 + params * state),
            step=lambda state, value, k: value,
            objective=lambda state: state**2,
        )
        theta = torch.tensor(0.4, dtype=torch.float64, requires_grad=True)
        first = 0.3 + theta
        rate_square = 0.09 + 0.6 * theta * first + theta**2 * (first + first**2)
        (0.3 + theta * first + rate_square).backward()
        mean, _ = exact_moments(ConditionalTriple(flow, lanes=8), program, theta.detach())
        assert float(mean) == pytest.approx(float(theta.grad), rel=1e-9)
        pruned, _ = exact_moments(StochasticTriple(), program, theta.detach())
        assert float(pruned) == pytest.approx(float(theta.grad), rel=1e-9)

    @pytest.mark.parametrize("name", KINDS)
    def test_sampled(self, name: str) -> None:
        """20000 float32 rows, |z| < 4.9: false-fail rate 1e-6."""
        exact = float(enumerate_paths(_program(name, _cubic), _point(name)).gradient())
        rows = StochasticTriple()(_program(name, _cubic), _point(name, torch.float32), 20_000, torch.Generator().manual_seed(2))
        assert rows.dtype == torch.float32
        assert z_scores(rows, exact) < QUANTILE

    def test_vector_parameter_and_batch(self) -> None:
        def program(params: Tensor, sample: Sample) -> Tensor:
            successes = sample(Binomial(3, torch.sigmoid(params)))
            return 4 + (successes.sum(-1) - 1.2) ** 3 + successes.prod(-1)

        params = torch.tensor([0.8, -2.2], dtype=torch.float64)
        for estimator in (ScoreFunction(), StochasticTriple()):
            mean, _ = exact_moments(estimator, program, params)
            torch.testing.assert_close(mean, enumerate_paths(program, params).gradient(), rtol=0, atol=1e-10)


class TestPlantedBugs:
    def test_geometric_counted_from_one(self, monkeypatch: pytest.MonkeyPatch) -> None:
        from gradverify.estimators.sites import counts as count_sites

        right = count_sites._geometric

        def from_one(p: Tensor, neglected: float) -> tuple[Tensor, Tensor]:
            return tuple(torch.nn.functional.pad(each, (1, 0)) for each in right(p, neglected))

        monkeypatch.setattr(count_sites, "_geometric", from_one)
        with pytest.raises(AssertionError):
            TestTables().test_probabilities_are_those_of_torch("geometric", torch.float64)

    def test_derivative_of_a_clamped_logarithm(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """exp(log_prob) has no derivative at p = 0 once the logarithm is clamped."""
        from gradverify.estimators.sites import counts as count_sites

        def clamped(rate: Tensor, neglected: float) -> tuple[Tensor, Tensor]:
            count = torch.arange(40, dtype=torch.float64)
            mass = (count * rate.unsqueeze(-1).clamp(min=1e-7).log() - rate.unsqueeze(-1) - torch.lgamma(count + 1)).exp()
            return mass, mass * (count / rate.unsqueeze(-1).clamp(min=1e-7) - 1)

        monkeypatch.setattr(count_sites, "_poisson", clamped)
        with pytest.raises(AssertionError):
            TestTables().test_boundaries(lambda p: Poisson(p), (1.0, 0.0, 0.0), (-1.0, 1.0, 0.0))

"""Measure-valued derivatives over all branches: exactly unbiased, exact variances in closed form, planted bugs."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.distributions import Bernoulli, Binomial, Categorical, Distribution, Geometric, OneHotCategorical, Poisson

from gradverify.estimators import Program, Sample, measure_valued
from gradverify.estimators.enumeration import enumerate_paths
from gradverify.estimators.flip_all import FlipAll
from gradverify.estimators.measure_valued import MeasureValued
from gradverify.estimators.runs.exact import exact_moments
from gradverify.estimators.runs.forced_runs import Alternatives

from .intervals import QUANTILE, z_scores
from .programs import CASES, Case

P, RATE = 0.3, 2.5

KINDS: dict[str, tuple[Callable[[Tensor], Distribution], float]] = {
    "bernoulli": (Bernoulli, P),
    "binomial": (lambda p: Binomial(5, p), P),
    "geometric": (Geometric, P),
    "poisson": (Poisson, RATE),
}


def _program(name: str, objective: Callable[[Tensor], Tensor]) -> Program:
    return lambda params, sample: objective(sample(KINDS[name][0](params)))


def _point(name: str) -> Tensor:
    return torch.tensor(KINDS[name][1], dtype=torch.float64)


def _cubic(x: Tensor) -> Tensor:
    return 5 + (0.4 * x - 0.7) ** 3


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_unbiased(case: Case) -> None:
    mean, _ = exact_moments(MeasureValued(), case.program, case.point())
    torch.testing.assert_close(mean, case.exact(), rtol=0, atol=1e-11)


@pytest.mark.parametrize("name", KINDS)
def test_unbiased_on_each_distribution(name: str) -> None:
    mean, _ = exact_moments(MeasureValued(), _program(name, _cubic), _point(name))
    assert float(mean) == pytest.approx(float(enumerate_paths(_program(name, _cubic), _point(name)).gradient()), rel=1e-10)


@pytest.mark.parametrize(
    ("name", "objective", "mean", "variance"),
    [
        ("bernoulli", lambda x: (x + 1) ** 3, 7.0, 0.0),
        ("binomial", lambda x: x, 5.0, 0.0),
        # n (2 Y + 1), Y ~ Binomial(4, p).
        ("binomial", torch.square, 5 * (8 * P + 1), 25 * 4 * 4 * P * (1 - P)),
        # 2 X + 1.
        ("poisson", torch.square, 2 * RATE + 1, 4 * RATE),
        # -(Y + 1) / p, Y another draw.
        ("geometric", lambda x: x, -1 / P**2, (1 - P) / P**4),
    ],
)
def test_exact_variances(name: str, objective: Callable[[Tensor], Tensor], mean: float, variance: float) -> None:
    found = exact_moments(MeasureValued(), _program(name, objective), _point(name))
    assert [float(each) for each in found] == pytest.approx([mean, variance], rel=1e-9, abs=1e-11)


def test_categorical_formula() -> None:
    """``p_j (1 - p_j) (f(j) - sum_{i != j} p_i f(i) / (1 - p_j))`` in logit j; its variance from the rule's two cases."""
    logits = torch.tensor([0.5, -1.0, 0.3, -2.1], dtype=torch.float64)
    p = logits.softmax(-1)
    f = torch.tensor([2.0, -1.0, 5.0, 3.0], dtype=torch.float64)
    rows = []
    weights = []
    for x in range(4):
        for i in (each for each in range(4) if each != x):
            terms = (1 - p) * (f - f[x])
            terms[x] = (1 - p[x]) * (f[x] - f[i])
            # d p_j / d logits = p_j (e_j - p).
            rows.append(terms * p - p * (terms * p).sum())
            weights.append(p[x] * p[i] / (1 - p[x]))
    mean = sum((w * row for w, row in zip(weights, rows, strict=True)), torch.zeros(4).double())
    variance = sum((w * (row - mean) ** 2 for w, row in zip(weights, rows, strict=True)), torch.zeros(4).double())
    program: Program = lambda params, sample: sample(OneHotCategorical(logits=params)) @ f  # noqa: E731
    found = exact_moments(MeasureValued(), program, logits)
    torch.testing.assert_close(found[0], p * (f - p @ f), rtol=0, atol=1e-13)
    torch.testing.assert_close(found[0], mean, rtol=0, atol=1e-13)
    torch.testing.assert_close(found[1], variance, rtol=0, atol=1e-12)


def test_two_categories_are_flipped() -> None:
    """With two outcomes the phases are the two outcomes: the same moments as flip-all, as bit or as index."""

    def bits(params: Tensor, sample: Sample) -> Tensor:
        first, second = sample(Bernoulli(logits=params)).unbind(-1)
        return (first - 2 * second + 1) ** 3

    def indices(params: Tensor, sample: Sample) -> Tensor:
        first, second = sample(Categorical(logits=torch.stack((torch.zeros_like(params), params), -1))).unbind(-1)
        return (first - 2 * second + 1) ** 3

    params = torch.tensor([0.7, -2.2], dtype=torch.float64)
    expected = exact_moments(FlipAll(), bits, params)
    for program in (bits, indices):
        torch.testing.assert_close(exact_moments(MeasureValued(), program, params), expected, rtol=0, atol=1e-12)


def test_chained_counts() -> None:
    """Binomial, then Poisson of a rate that depends on it and on the parameter, by their moments."""

    def program(params: Tensor, sample: Sample) -> Tensor:
        first = sample(Binomial(2, torch.sigmoid(params)))
        return (first + sample(Poisson(params.exp() * (0.2 + 0.5 * first))) + 1) ** 2

    params = torch.tensor(-0.4, dtype=torch.float64, requires_grad=True)
    p = torch.sigmoid(params)
    total = torch.zeros_like(p)
    for k, weight in enumerate(((1 - p) ** 2, 2 * p * (1 - p), p**2)):
        rate = params.exp() * (0.2 + 0.5 * k)
        total = total + weight * ((k + 1 + rate) ** 2 + rate)
    total.backward()
    mean, _ = exact_moments(MeasureValued(), program, params.detach())
    assert float(mean) == pytest.approx(float(params.grad), rel=1e-10)


@pytest.mark.parametrize(
    ("distribution", "mean"),
    [
        (lambda p: Binomial(3, p), 3 * 7.0),
        (lambda p: Binomial(3, 1 - p), -3 * 37.0),
        (Poisson, 7.0),
        (lambda p: Geometric(1 - p), 7.0),
        (Bernoulli, 7.0),
    ],
)
def test_boundaries(distribution: Callable[[Tensor], Distribution], mean: float) -> None:
    """f = (x + 1)^3 at probability 0 and 1 and rate 0: the one-sided derivative, in every row."""
    program: Program = lambda params, sample: (sample(distribution(params)) + 1) ** 3  # noqa: E731
    rows = MeasureValued()(program, torch.tensor(0.0, dtype=torch.float64), 5, torch.Generator())
    assert rows.tolist() == [mean] * 5


def test_no_trials() -> None:
    program: Program = lambda params, sample: sample(Binomial(torch.tensor([0.0, 2.0]).expand(len(params), 2), params)).sum(-1)  # noqa: E731
    rows = MeasureValued()(program, torch.tensor([0.3, 0.6]), 5, torch.Generator())
    assert torch.equal(rows, torch.tensor([0.0, 2.0]).expand(5, 2))


@pytest.mark.parametrize("name", KINDS)
def test_sampled_in_float32(name: str) -> None:
    """20000 rows, |z| < 4.9: false-fail rate 1e-6."""
    exact = float(enumerate_paths(_program(name, _cubic), _point(name)).gradient())
    rows = MeasureValued()(_program(name, _cubic), _point(name).float(), 20_000, torch.Generator().manual_seed(4))
    assert rows.dtype == torch.float32
    tolerance = 1e-5 * abs(exact)
    assert z_scores(rows, exact) < QUANTILE or float((rows.double().mean() - exact).abs()) < tolerance


@pytest.mark.parametrize("logit", [-30.0, 30.0])
def test_extreme_logits(logit: float) -> None:
    program: Program = lambda params, sample: sample(OneHotCategorical(logits=params)) @ torch.tensor([1.0, -2.0, 3.0])  # noqa: E731
    rows = MeasureValued()(program, torch.tensor([logit, 0.0, 0.5]), 20, torch.Generator())
    assert torch.isfinite(rows).all()


class TestPlantedBugs:
    @staticmethod
    def _error(program: Program, params: Tensor) -> float:
        mean, _ = exact_moments(MeasureValued(), program, params)
        exact = enumerate_paths(program, params).gradient()
        return float((mean - exact).abs().max() / exact.abs().max())

    @pytest.mark.parametrize("name", ["binomial", "geometric"])
    def test_phases(self, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """Y drawn as Binomial(n, p) instead of n - 1; the geometric phase off by one."""
        program, params = _program(name, _cubic), _point(name)
        assert self._error(program, params) < 1e-10

        def wrong(distribution: Distribution, site: object, index: Tensor, leaf: Tensor, generator: object) -> Alternatives:
            if name == "binomial":
                return Alternatives((index + 1).unsqueeze(0), (distribution.total_count * distribution.probs).unsqueeze(0))
            right = measure_valued._geometric(distribution, site, index, leaf, generator)
            return Alternatives(right.index - 1, right.term)

        kind = Binomial if name == "binomial" else Geometric
        monkeypatch.setitem(measure_valued._COUNT_RULES, kind, wrong)
        assert self._error(program, params) > 0.01

    def test_phase_of_the_own_outcome_left_out(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Without the second phase where x = j the sum over j does not close."""
        case = next(each for each in CASES if each.name == "index")
        right = measure_valued._categorical

        def wrong(*arguments: object) -> Alternatives:
            found = right(*arguments)
            site = arguments[1]
            columns = found.index.movedim(0, -1)
            term = site.probabilities().gather(-1, columns)
            return Alternatives(found.index, ((1 - term.detach()) * term).movedim(-1, 0))

        assert self._error(case.program, case.point()) < 1e-11
        monkeypatch.setattr(measure_valued, "_categorical", wrong)
        assert self._error(case.program, case.point()) > 0.01

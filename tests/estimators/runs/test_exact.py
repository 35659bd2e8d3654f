"""Exact mode against enumeration, closed forms and a finite-state recursion: nothing is sampled, tolerances are rounding."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.distributions import Bernoulli, Categorical

from gradverify.estimators import (
    Estimator,
    FiniteDifference,
    GumbelSoftmax,
    LeaveOneOut,
    NotApplicableError,
    Program,
    Sample,
    ScoreFunction,
    SmoothedTriple,
    StochasticTriple,
    StraightThrough,
)
from gradverify.estimators.runs.branching import BranchSource, UndecidedError
from gradverify.estimators.runs.exact import enumerate_branches, exact_moments
from gradverify.estimators.runs.tape import accept, choose, draw, draw_coupled
from gradverify.estimators.sites.reading import BernoulliSite, CategoricalSite

from ..programs import CASES, Case, outcome_table, random_walk, supports

CASE = {case.name: case for case in CASES}

UNBIASED = (ScoreFunction(), ScoreFunction(baseline=1.7), LeaveOneOut(group=2), StochasticTriple(), StochasticTriple(lanes=2))

BIASED = (StraightThrough(), SmoothedTriple())


def plain(program: Program) -> Program:
    """The program without its state: triples are replayed, not carried."""
    return lambda params, sample: program(params, sample)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
@pytest.mark.parametrize("estimator", UNBIASED, ids=str)
def test_unbiased_means(estimator: Estimator, case: Case) -> None:
    """To 1e-10, where the branches are not too many."""
    if case.name == "batch" and getattr(estimator, "lanes", 1) == 2:
        pytest.skip("more than 2^18 branches")
    for program in (case.program, plain(case.program)):
        branches = enumerate_branches(estimator, program, case.point(), 2**20)
        torch.testing.assert_close(branches.mean(), case.exact(), rtol=0, atol=1e-10)
        assert float(branches.weight.sum()) == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
@pytest.mark.parametrize("estimator", BIASED, ids=str)
def test_biased_means(estimator: Estimator, case: Case) -> None:
    """Against the table of rows by path, each read from a sampled run."""
    if not supports(estimator, case):
        pytest.skip("not applicable")
    mean, _ = exact_moments(estimator, case.program, case.point())
    torch.testing.assert_close(mean, outcome_table(estimator, case.program, case.point()), rtol=0, atol=1e-10)


def test_closed_forms_of_a_coin() -> None:
    """E f' and variances of f(b) = (b + 1)^3 at p = 0.3, by hand."""
    coin, p = (lambda params, sample: (sample(Bernoulli(params)) + 1) ** 3), torch.tensor(0.3, dtype=torch.float64)
    score = 8**2 / 0.3 + 1 / 0.7 - 49
    expected = {
        ScoreFunction(): (7.0, score),
        LeaveOneOut(group=2): (7.0, 0.42 * (7 / 0.42) ** 2 - 49),
        StochasticTriple(): (7.0, 7**2 / 0.7 - 49),
        StraightThrough(): (0.3 * 12 + 0.7 * 3, 0.21 * 81),
        SmoothedTriple(): (7.5, 0.3 * (12 / 0.6) ** 2 + 0.7 * (3 / 1.4) ** 2 - 7.5**2),
        FiniteDifference(step=0.5): (7.0, 0.3 * (7 / 0.3) ** 2 - 49),
    }
    for estimator, (mean, variance) in expected.items():
        found = exact_moments(estimator, coin, p)
        assert [float(each) for each in found] == pytest.approx([mean, variance], abs=1e-12), estimator


def walk_recursion(num_steps: int, kind: str) -> tuple[float, float]:
    """Mean and variance on the walk, d/dp E[X_n^2] at p = n, carrying E[A^j 1{X = x}] for j = 0, 1, 2.

    ``score``: A adds the score of each move; output ``X^2 A``. ``carried``: A is the weight of the alternative two above, lost
    with probability ``1 - q(x + 2) / q(x)`` on an upward move, gaining ``dq / (1 - q)`` on a downward one; output
    ``A ((X + 2)^2 - X^2)``.
    """
    x = np.arange(num_steps + 1, dtype=float)
    q = np.exp(-x / num_steps)
    slope = q * x / num_steps**2
    down = np.where(x == 0, 1.0, 1 - q)
    keep = np.exp(-2 / num_steps) if kind == "carried" else 1.0
    gain_up, gain_down = (slope / q, -slope / down) if kind == "score" else (0 * x, slope / down)
    moments = np.zeros((3, num_steps + 1))
    moments[0, 0] = 1.0
    for _ in range(num_steps):
        total = np.zeros_like(moments)
        for chance, kept, gain, shift in ((q, keep, gain_up, 1), (1 - q, 1.0, gain_down, -1)):
            zeroth, first, second = moments
            first_moved = kept * first + gain * zeroth
            moved = np.stack((zeroth, first_moved, kept * second + 2 * gain * kept * first + gain**2 * zeroth))
            total += np.roll(chance * moved, shift, axis=1)
        moments = total
    output = x**2 if kind == "score" else 4 * x + 4
    mean = float((output * moments[1]).sum())
    return mean, float((output**2 * moments[2]).sum()) - mean**2


@pytest.mark.parametrize("num_steps", [4, 5, 6])
@pytest.mark.parametrize(("estimator", "kind"), [(ScoreFunction(), "score"), (StochasticTriple(), "carried")])
def test_walk_variances(num_steps: int, estimator: Estimator, kind: str) -> None:
    point = torch.tensor(float(num_steps), dtype=torch.float64)
    found = exact_moments(estimator, random_walk(num_steps), point)
    expected = list(walk_recursion(num_steps, kind))
    if kind == "score":
        # q = 1 at x = 0 depends on p nowhere, so the score function misses nothing there.
        assert expected[0] == pytest.approx(float(exact_moments(StochasticTriple(), random_walk(num_steps), point)[0]))
    assert [float(each) for each in found] == pytest.approx(expected, abs=1e-11)


@pytest.mark.parametrize(
    ("estimator", "keep_state", "quoted"),
    [
        (ScoreFunction(), True, 52.2),
        (StochasticTriple(), True, 3.32),
        (StochasticTriple(), False, 4.62),
        (SmoothedTriple(), True, 1.48),
        (StraightThrough(), True, 1.99),
    ],
)
def test_published_walk_variances(estimator: Estimator, keep_state: bool, quoted: float) -> None:
    """At n = 10, to 0.3 %: the quoted digits are rounded."""
    program = random_walk(10) if keep_state else plain(random_walk(10))
    _, variance = exact_moments(estimator, program, torch.tensor(10.0, dtype=torch.float64))
    assert float(variance) == pytest.approx(quoted, rel=0.003)


@dataclass(frozen=True)
class _Planted:
    """Another estimator with a bias far below what sampling would show."""

    factor: float

    def __call__(self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
        return self.factor * LeaveOneOut(group=2)(program, params, num_samples, generator)


@dataclass(frozen=True)
class _OneDrawForAll:
    """One draw that all rows share."""

    def __call__(self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
        return draw(BernoulliSite(params.reshape(1)), generator).to(params.dtype).repeat(num_samples)


class TestPlantedBugs:
    def test_bias_of_one_in_a_billion(self) -> None:
        case = CASE["bits"]
        for factor, found in ((1.0, False), (1 + 1e-9, True)):
            mean, _ = exact_moments(_Planted(factor), case.program, case.point())
            assert bool(((mean - case.exact()).abs() > 1e-11).any()) == found

    def test_jumps_that_ignore_the_weight(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A kept alternative chosen evenly instead of in proportion to the weights."""
        from gradverify.estimators.alternatives import carried_triples

        def even(weight: Tensor, total: Tensor, generator: torch.Generator) -> Tensor:
            return accept((weight > 0).double(), (weight > 0).double() + (total > weight), generator)

        case = CASE["vector walk"]
        monkeypatch.setattr(carried_triples, "accept", even)
        mean, _ = exact_moments(StochasticTriple(), case.program, case.point())
        assert (mean - case.exact()).abs().max() > 1e-3


class TestRefusals:
    def test_noise_of_its_own(self) -> None:
        with pytest.raises(NotApplicableError, match="GumbelSoftmax draws noise of its own"):
            exact_moments(GumbelSoftmax(), CASE["index"].program, CASE["index"].point())

    def test_too_many_branches(self) -> None:
        with pytest.raises(NotApplicableError, match="max_branches=100 branches"):
            exact_moments(LeaveOneOut(group=4), CASE["bits"].program, CASE["bits"].point(), max_branches=100)

    def test_draws_that_branches_share(self) -> None:
        """A draw of one element cannot be split once there are two branches."""

        def twice(program: Program, params: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
            return _OneDrawForAll()(program, params, num_samples, generator) * _OneDrawForAll()(
                program, params, num_samples, generator
            )

        with pytest.raises(NotApplicableError, match="1 elements for 2 branches"):
            exact_moments(twice, CASE["bits"].program, torch.tensor(0.4, dtype=torch.float64))


class TestBranchSource:
    """Every kind of draw: the outcomes of all branches have the law that sampling has."""

    @staticmethod
    def _law(decide: Callable[[torch.Generator, int], Tensor]) -> dict[tuple[float, ...], float]:
        """Outcome -> probability of one draw, from its branches."""

        def estimator(program: Program, params: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
            return decide(generator, num_samples).double()

        branches = enumerate_branches(estimator, lambda params, sample: params, torch.zeros(()))
        law: dict[tuple[float, ...], float] = {}
        for weight, row in zip(branches.weight.tolist(), branches.rows.tolist(), strict=True):
            law[tuple(row)] = law.get(tuple(row), 0.0) + weight
        return law

    def test_draw(self) -> None:
        probs = torch.tensor([0.2, 0.0, 0.5, 0.3], dtype=torch.float64)
        law = self._law(lambda source, rows: draw(CategoricalSite(probs.repeat(rows, 1)), source).unsqueeze(1))
        assert law == pytest.approx({(0.0,): 0.2, (2.0,): 0.5, (3.0,): 0.3}, abs=1e-15)

    def test_common_uniforms(self) -> None:
        """1[u < .2] and 1[u < .7]: three cells."""

        def decide(source: torch.Generator, rows: int) -> Tensor:
            probs = torch.tensor([0.2, 0.7], dtype=torch.float64).repeat_interleave(rows)
            return draw(BernoulliSite(probs), source, copies=2).reshape(2, rows).T

        assert self._law(decide) == pytest.approx({(1.0, 1.0): 0.2, (0.0, 1.0): 0.5, (0.0, 0.0): 0.3}, abs=1e-15)

    def test_coupled_categories(self) -> None:
        first = torch.tensor([0.5, 0.5, 0.0], dtype=torch.float64)
        second = torch.tensor([0.25, 0.25, 0.5], dtype=torch.float64)

        def decide(source: torch.Generator, rows: int) -> Tensor:
            sites = (CategoricalSite(each.repeat(rows, 1)) for each in (first, second))
            return torch.stack(draw_coupled(*sites, source), 1)

        assert self._law(decide) == pytest.approx({(0.0, 0.0): 0.25, (0.0, 1.0): 0.25, (1.0, 2.0): 0.5}, abs=1e-15)

    def test_choose_and_accept(self) -> None:
        weights = torch.tensor([[3.0, 0.0, 1.0]], dtype=torch.float64)
        chosen = self._law(lambda source, rows: choose(weights.repeat(rows, 1), source).unsqueeze(1))
        assert chosen == pytest.approx({(0.0,): 0.75, (2.0,): 0.25}, abs=1e-15)
        nothing = self._law(lambda source, rows: choose(0 * weights.repeat(rows, 1), source).unsqueeze(1))
        assert nothing == {(2.0,): 1.0}
        weight = torch.tensor([1.0], dtype=torch.float64)
        accepted = self._law(lambda source, rows: accept(weight.repeat(rows), 4 * weight.repeat(rows), source).unsqueeze(1))
        assert accepted == pytest.approx({(1.0,): 0.25, (0.0,): 0.75}, abs=1e-15)

    def test_undecided(self) -> None:
        with pytest.raises(UndecidedError):
            BranchSource([], 2).category(torch.ones(2, 3))

    def test_is_a_generator_that_stands_still(self) -> None:
        source = BranchSource([torch.zeros(1, 1, dtype=torch.long)], 1)
        before = source.get_state()
        draw(CategoricalSite(torch.tensor([[0.5, 0.5]])), source)
        assert isinstance(source, torch.Generator)
        assert torch.equal(before, source.get_state())


def test_a_categorical_and_its_bit_agree() -> None:
    """One law, two texts: same mean and variance to rounding."""
    params = torch.tensor(0.35, dtype=torch.float64)
    bit = exact_moments(StochasticTriple(), lambda p, sample: (sample(Bernoulli(p)) + 1) ** 3, params)
    two = exact_moments(
        StochasticTriple(), lambda p, sample: (sample(Categorical(torch.stack((1 - p, p), -1))) + 1) ** 3, params
    )
    torch.testing.assert_close(bit, two, rtol=0, atol=1e-12)


@pytest.mark.parametrize("sign", [1, -1])
def test_one_sided_jumps_pass_over_impossible_categories(sign: int) -> None:
    """Categories of probability zero between the others and at both ends, where f is not defined."""

    def program(params: Tensor, sample: Sample) -> Tensor:
        share = torch.sigmoid(sign * params)
        never = torch.zeros_like(share)
        index = sample(Categorical(torch.stack((never, share / 2, never, never, 1 - share, never, share / 2, never), -1)))
        assert torch.isin(index, torch.tensor([1.0, 4.0, 6.0])).all()
        return (index + 1) ** 3

    params = torch.tensor(0.3, dtype=torch.float64)
    slope = float(torch.sigmoid(params) * torch.sigmoid(-params))
    mean, _ = exact_moments(StochasticTriple(), program, params)
    assert float(mean) == pytest.approx(sign * slope * (2**3 / 2 + 7**3 / 2 - 5**3), rel=1e-12)

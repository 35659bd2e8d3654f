"""Conditional triples against an exact finite-state recursion, against enumeration, and against planted bugs."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.distributions import Bernoulli, Categorical, OneHotCategorical

from gradverify.estimators import MarkovProgram, NotApplicableError, StochasticTriple
from gradverify.estimators.alternatives import lanes
from gradverify.estimators.conditional_triples import ConditionalTriple, ConditionalTripleControlVariate
from gradverify.estimators.enumeration import enumerate_paths
from gradverify.estimators.runs.exact import exact_moments

from .intervals import QUANTILE, variance_z_score, z_scores

Objective = Callable[[np.ndarray], np.ndarray]

FLOWS = ("leave_one_out", "upward", "downward")


def walk(num_steps: int, parameter: str = "p", objective: Callable[[Tensor], Tensor] = torch.square) -> MarkovProgram:
    """Up with probability exp(-(x + theta) / n), down else, always up from 0; p or theta is the parameter."""

    def site(params: Tensor, state: Tensor, k: int) -> Bernoulli:
        rise = torch.exp(-state / params) if parameter == "p" else torch.exp(-(state + params) / num_steps)
        # The clip is for paths that enumeration asks about and nobody takes.
        return Bernoulli(torch.where(state == 0, torch.ones_like(rise), rise).clamp(max=1))

    return MarkovProgram(num_steps, torch.zeros_like, site, lambda state, value, k: state + 2 * value - 1, objective)


def walk_point(num_steps: int, parameter: str = "p") -> Tensor:
    return torch.tensor(float(num_steps) if parameter == "p" else 0.0, dtype=torch.float64)


def recursion(num_steps: int, parameter: str, objective: Objective, shares: tuple[float, float]) -> tuple[float, float]:
    """Exact mean and variance on the walk of the flow ``alpha up + (1 - alpha) down``, alpha = s0 + s1 (1 - q).

    Forward in time, where the estimator goes backward: the alternatives stand two above and two below the primal, with
    weights W = (W+, W-) that one move takes to ``a W + b``; carried are E[1{X = x}], E[W 1{X = x}] and E[W W' 1{X = x}].
    """
    x = np.arange(num_steps + 1, dtype=float)

    def rise(at: np.ndarray) -> np.ndarray:
        return np.where(at <= 0, 1.0, np.exp(-at / num_steps))

    q = rise(x)
    slope = q * x / num_steps**2 if parameter == "p" else np.where(x == 0, 0.0, -q / num_steps)
    alpha = shares[0] + shares[1] * (1 - q)
    down = np.where(x == 0, 1.0, 1 - q)  # never used at 0
    keep_up = np.stack((np.minimum(1, rise(x + 2) / q), np.minimum(1, rise(x - 2) / q)))
    keep_down = np.stack((np.minimum(1, (1 - rise(x + 2)) / down), np.minimum(1, (1 - rise(x - 2)) / down)))
    fresh_up = np.stack((np.zeros_like(x), -(1 - alpha) * slope / q))
    fresh_down = np.stack((alpha * slope / down, np.zeros_like(x)))
    mass, first, second = np.zeros(num_steps + 1), np.zeros((2, num_steps + 1)), np.zeros((2, 2, num_steps + 1))
    mass[0] = 1.0
    for _ in range(num_steps):
        moved = [np.zeros_like(each) for each in (mass, first, second)]
        for chance, keep, fresh, shift in ((q, keep_up, fresh_up, 1), (1 - q, keep_down, fresh_down, -1)):
            cross = keep[:, None] * first[:, None] * fresh[None]
            pieces = (
                mass,
                keep * first + fresh * mass,
                keep[:, None] * keep[None] * second + cross + cross.swapaxes(0, 1) + fresh[:, None] * fresh[None] * mass,
            )
            for total, piece in zip(moved, pieces, strict=True):
                total += np.roll(chance * piece, shift, axis=-1)
        mass, first, second = moved
    gain = np.stack((objective(x + 2) - objective(x), objective(x - 2) - objective(x)))
    mean = float((gain * first).sum())
    return mean, float((gain[:, None] * gain[None] * second).sum()) - mean**2


def least_variance(num_steps: int, parameter: str, objective: Objective) -> float:
    """The least variance over (s0, s1): it is quadratic in them, so six values tell it all."""
    points = [(0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (1.0, 1.0), (-1.0, 0.0), (0.0, -1.0)]
    design = np.array([[1, s, t, s * s, t * t, s * t] for s, t in points])
    values = [recursion(num_steps, parameter, objective, point)[1] for point in points]
    one, s, t, ss, tt, st = np.linalg.solve(design, values)
    best = np.linalg.solve([[2 * ss, st], [st, 2 * tt]], [-s, -t])
    return float(one + 0.5 * best @ [s, t])


SHARES = {"upward": (1.0, 0.0), "downward": (0.0, 0.0), "leave_one_out": (0.0, 1.0)}


class TestRecursion:
    """The published figures, from the recursion alone: no sampling."""

    @pytest.mark.parametrize(
        ("parameter", "objective", "upward", "downward", "leave_one_out", "best"),
        [
            ("p", np.square, 3.33, 71.8, 29.6, 0.233),
            ("theta", lambda x: x, 0.034, 0.0147, 0.0017, 4.7e-5),
            ("p", lambda x: (x > 50) * 1.0, 2.0e-3, 2.3e-3, 1.1e-3, 9.2e-4),
        ],
    )
    def test_variances_at_100(
        self, parameter: str, objective: Objective, upward: float, downward: float, leave_one_out: float, best: float
    ) -> None:
        found = [recursion(100, parameter, objective, SHARES[each])[1] for each in ("upward", "downward", "leave_one_out")]
        found.append(least_variance(100, parameter, objective))
        for number, quoted in zip(found, (upward, downward, leave_one_out, best), strict=True):
            digits = 2 if quoted < 1 and quoted != 0.0147 and quoted != 0.233 else 3
            assert float(f"{number:.{digits}g}") == pytest.approx(quoted)

    @pytest.mark.parametrize("shares", [*SHARES.values(), (1.7, -2.4)])
    def test_every_flow_has_the_exact_mean(self, shares: tuple[float, float]) -> None:
        assert recursion(100, "p", np.square, shares)[0] == pytest.approx(26.09308889, abs=1e-8)
        assert recursion(100, "theta", lambda x: x, shares)[0] == pytest.approx(-0.77197366, abs=1e-8)

    @pytest.mark.parametrize("flow", FLOWS)
    @pytest.mark.parametrize("parameter", ["p", "theta"])
    def test_agrees_with_all_branches(self, flow: str, parameter: str) -> None:
        """Mean and variance over every outcome, n = 7, a cubic objective: to 1e-11."""
        program, point = walk(7, parameter, lambda state: (state + 1) ** 3), walk_point(7, parameter)
        mean, variance = exact_moments(ConditionalTriple(flow), program, point)
        exact = recursion(7, parameter, lambda x: (x + 1) ** 3, SHARES[flow])
        assert float(mean) == pytest.approx(exact[0], abs=1e-11)
        assert float(variance) == pytest.approx(exact[1], abs=1e-10)

    def test_control_variate_agrees_with_all_branches(self) -> None:
        """Shares a = 1.3 and b = -0.2 are s0 = 1.3, s1 = 1 - a - b = -0.1."""
        mean, variance = exact_moments(ConditionalTripleControlVariate(1.3, -0.2), walk(7), walk_point(7))
        exact = recursion(7, "p", np.square, (1.3, -0.1))
        assert float(mean) == pytest.approx(exact[0], abs=1e-12)
        assert float(variance) == pytest.approx(exact[1], abs=1e-11)

    @pytest.mark.parametrize(("parameter", "flow"), [("p", "upward"), ("theta", "downward")])
    def test_one_sided_follows_the_sign(self, parameter: str, flow: str) -> None:
        program, point = walk(6, parameter), walk_point(6, parameter)
        found = exact_moments(ConditionalTriple(), program, point)
        torch.testing.assert_close(found, exact_moments(ConditionalTriple(flow), program, point), rtol=0, atol=1e-12)


@pytest.mark.parametrize("flow", [None, "upward", "downward", "leave_one_out"])
def test_sampled_at_100(flow: str | None) -> None:
    """Mean and variance of 3000 rows at n = 100, |z| < 4.9 each; it would see the variance off by less than 40 %."""
    rows = ConditionalTriple(flow)(walk(100), walk_point(100), 3000, torch.Generator().manual_seed(5))
    mean, variance = recursion(100, "p", np.square, SHARES[flow or "upward"])
    assert z_scores(rows, mean) < QUANTILE
    distance, visible = variance_z_score(rows, variance, rounding=0)
    assert distance < QUANTILE
    assert visible < 0.4


@pytest.mark.parametrize(("parameter", "objective"), [("p", torch.square), ("theta", lambda state: state)])
def test_fitted_control_variate_at_100(parameter: str, objective: Callable[[Tensor], Tensor]) -> None:
    """Fitted on 2000 pilot rows it is within 20 % of the least variance, and far below every single flow."""
    program, point = walk(100, parameter, objective), walk_point(100, parameter)
    fitted = ConditionalTripleControlVariate().fit(program, point, num_samples=2000, generator=torch.Generator().manual_seed(0))
    numeric = np.square if parameter == "p" else lambda x: x
    mean, variance = recursion(100, parameter, numeric, (fitted.upward, 1 - fitted.upward - fitted.downward))
    assert variance < 1.2 * least_variance(100, parameter, numeric)
    rows = fitted(program, point, 3000, torch.Generator().manual_seed(1))
    assert z_scores(rows, mean) < QUANTILE
    assert variance_z_score(rows, variance, rounding=0)[0] < QUANTILE


def _spreading(num_steps: int = 5) -> MarkovProgram:
    """A walk that runs away from the origin: a lane's residual move does not meet the primal."""
    return MarkovProgram(
        num_steps=num_steps,
        initial=lambda params: 0.0 * params[:, 0],
        site=lambda params, state, k: Bernoulli(logits=params[:, 0] + params[:, 1] * state),
        step=lambda state, value, k: state + 2 * value - 1,
        objective=lambda state: 5 + (state + 1) ** 3,
    )


def _chain(num_steps: int = 4) -> MarkovProgram:
    """A one-hot chain on four states."""
    weights = torch.tensor(
        [[0.9, -0.4, 0.1, 0.3], [-0.7, 0.5, 0.6, -1.0], [0.2, -0.8, 0.3, 2.1], [1.1, 0.4, -0.6, 0.2]], dtype=torch.float64
    )
    table = torch.tensor([-0.9, 0.3, 1.1, 2.0], dtype=torch.float64)
    return MarkovProgram(
        num_steps=num_steps,
        initial=torch.zeros_like,
        site=lambda params, state, k: OneHotCategorical(logits=state @ weights + params * (1 + 0.2 * k)),
        step=lambda state, value, k: value,
        objective=lambda state: 4 + (state @ table + 1) ** 3,
    )


def _moving_start(num_steps: int = 4) -> MarkovProgram:
    """Three categories; the state starts at a parameter, so the objective and the sites depend on it directly too."""
    return MarkovProgram(
        num_steps=num_steps,
        initial=lambda params: 0.5 * params[:, 1],
        site=lambda params, state, k: Categorical(
            logits=torch.stack((params[:, 0] * state, params[:, 1] - 0.1 * state, 0.3 * params.sum(-1)), -1)
        ),
        step=lambda state, value, k: state + value - 0.5,
        objective=lambda state: 2 + (state + 1) ** 3,
    )


PROGRAMS = {
    "spreading": (_spreading(), (0.4, 0.7)),
    "merging": (_spreading(), (0.4, -0.7)),
    "chain": (_chain(), (0.4, -0.6, 0.1, -2.2)),
    "moving start": (_moving_start(), (0.4, -0.7)),
}

ESTIMATORS = (
    *(ConditionalTriple(each) for each in FLOWS),
    *(ConditionalTriple("leave_one_out", lanes=each) for each in (1, 2)),
    ConditionalTriple("downward", lanes=2),
    ConditionalTripleControlVariate(0.3, -0.4),
    ConditionalTripleControlVariate(-0.6, 1.4, lanes=1),
)


class TestEnumeration:
    """Exactly unbiased: mean over all branches against the sum over all paths."""

    @pytest.mark.parametrize("name", PROGRAMS)
    @pytest.mark.parametrize("estimator", ESTIMATORS, ids=str)
    def test_vector_parameter(self, name: str, estimator: ConditionalTriple) -> None:
        program, params = PROGRAMS[name][0], torch.tensor(PROGRAMS[name][1], dtype=torch.float64)
        if estimator.lanes < 3:
            program = replace(program, num_steps=3)
        mean, _ = exact_moments(estimator, program, params)
        torch.testing.assert_close(mean, enumerate_paths(program, params).gradient(), rtol=0, atol=1e-10)

    @pytest.mark.parametrize("name", PROGRAMS)
    @pytest.mark.parametrize("flow", [*FLOWS, "one_sided"])
    def test_scalar_parameter(self, name: str, flow: str) -> None:
        base, coordinates = PROGRAMS[name]
        direction = torch.tensor(coordinates, dtype=torch.float64)

        def vector(params: Tensor) -> Tensor:
            return params.unsqueeze(-1) * direction

        program = replace(
            base,
            num_steps=4,
            initial=lambda params: base.initial(vector(params)),
            site=lambda params, state, k: base.site(vector(params), state, k),
        )
        point = torch.tensor(1.0, dtype=torch.float64)
        for lanes_kept in (4, 1):
            program = replace(program, num_steps=3) if lanes_kept == 1 else program
            mean, _ = exact_moments(ConditionalTriple(flow, lanes_kept), program, point)
            torch.testing.assert_close(mean, enumerate_paths(program, point).gradient(), rtol=0, atol=1e-10)

    @pytest.mark.parametrize("name", PROGRAMS)
    def test_no_more_variance_than_the_pruned_triple(self, name: str) -> None:
        program, params = replace(PROGRAMS[name][0], num_steps=3), torch.tensor(PROGRAMS[name][1], dtype=torch.float64)
        conditional = exact_moments(ConditionalTriple("leave_one_out", lanes=16), program, params)[1]
        pruned = exact_moments(StochasticTriple(), program, params)[1]
        assert (conditional <= pruned + 1e-12).all()

    @pytest.mark.parametrize("flow", [*FLOWS, "one_sided"])
    def test_derivative_at_probability_one(self, flow: str) -> None:
        """P(up) = 1 - theta (1 + x) / 10 at theta = 0: a certain move whose derivative is not zero."""
        program = MarkovProgram(
            num_steps=4,
            initial=torch.zeros_like,
            site=lambda params, state, k: Bernoulli(1 - params * (1 + state) / 10),
            step=lambda state, value, k: state + value,
            objective=lambda state: (state + 1) ** 3,
        )
        point = torch.tensor(0.0, dtype=torch.float64)
        mean, _ = exact_moments(ConditionalTriple(flow), program, point)
        torch.testing.assert_close(mean, enumerate_paths(program, point).gradient(), rtol=0, atol=1e-11)
        assert mean.abs() > 10

    @pytest.mark.parametrize("flow", FLOWS)
    def test_categories_of_probability_zero(self, flow: str) -> None:
        """The middle category is impossible, in a program that is not defined on what it would lead to."""

        def site(params: Tensor, state: Tensor, k: int) -> Categorical:
            assert (state != 1).all()
            share = torch.sigmoid(params[:, 0] - 0.3 * state)
            return Categorical(torch.stack((share, torch.zeros_like(share), 1 - share), -1))

        program = MarkovProgram(
            3, lambda params: 0 * params[:, 0], site, lambda state, value, k: value, lambda state: (state + 1) ** 2
        )
        params = torch.tensor([0.4], dtype=torch.float64)
        mean, _ = exact_moments(ConditionalTriple(flow), program, params)
        share = torch.tensor(0.4, dtype=torch.float64, requires_grad=True)
        first = torch.sigmoid(share)
        for _ in range(2):
            first = first * torch.sigmoid(share) + (1 - first) * torch.sigmoid(share - 0.6)
        (9 - 8 * first).backward()
        assert float(mean) == pytest.approx(float(share.grad), abs=1e-12)


class TestPlantedBugs:
    """Each is found by the comparison with enumeration."""

    @staticmethod
    def _error(program: MarkovProgram, params: Tensor, lanes_kept: int = 4) -> float:
        flow = "upward" if params.dim() == 0 else "leave_one_out"
        mean, _ = exact_moments(ConditionalTriple(flow, lanes_kept), program, params)
        return float((mean - enumerate_paths(program, params).gradient()).abs().max() / mean.abs().max())

    def test_full_ratio(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The ratio P'(z) / P(z) instead of its minimum with one, and no residual: lanes that never meet the primal."""

        def full_ratio(probabilities: Tensor, beside: Tensor, index: Tensor) -> Tensor:
            drawn = index.expand(len(beside), 1, -1)
            ratio = beside.gather(1, drawn) / probabilities.gather(0, index.unsqueeze(0))
            return torch.zeros_like(beside).scatter(1, drawn, ratio)

        monkeypatch.setattr(lanes, "couple", full_ratio)
        assert self._error(walk(8), walk_point(8)) > 0.1

    def test_residual_left_out(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Invisible on the walk that merges, where the residual meets the primal; found on the one that spreads."""
        right = lanes.couple

        def no_residual(probabilities: Tensor, beside: Tensor, index: Tensor) -> Tensor:
            drawn = index.expand(len(beside), 1, -1)
            repeats = right(probabilities, beside, index).gather(1, drawn)
            return torch.zeros_like(beside).scatter(1, drawn, repeats)

        monkeypatch.setattr(lanes, "couple", no_residual)
        assert self._error(walk(6), walk_point(6)) < 1e-12
        assert self._error(_spreading(), torch.tensor([0.4, 0.7], dtype=torch.float64)) > 0.01

    def test_dropped_lanes_not_made_up_for(self, monkeypatch: pytest.MonkeyPatch) -> None:
        right = lanes.merge

        def unscaled(*arguments: object) -> object:
            kept, lane, _ = right(*arguments)
            return kept, lane, None

        monkeypatch.setattr(lanes, "merge", unscaled)
        assert self._error(_chain(3), torch.tensor([0.4, -0.6, 0.1, -2.2], dtype=torch.float64), lanes_kept=1) > 0.01

    def test_right_code_has_no_error(self) -> None:
        assert self._error(_chain(3), torch.tensor([0.4, -0.6, 0.1, -2.2], dtype=torch.float64), lanes_kept=1) < 1e-12


class TestContract:
    @pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
    @pytest.mark.parametrize("logit", [-30.0, 30.0])
    def test_extreme_logits(self, dtype: torch.dtype, logit: float) -> None:
        params = torch.tensor([logit, 0.5], dtype=dtype)
        for estimator in (ConditionalTriple(), ConditionalTriple("upward"), ConditionalTripleControlVariate(0.4, 0.3)):
            rows = estimator(_spreading(), params, 50, torch.Generator().manual_seed(0))
            assert rows.dtype == dtype
            assert rows.shape == (50, 2)
            assert torch.isfinite(rows).all()

    def test_same_seed_same_rows(self) -> None:
        params = torch.tensor([0.4, 0.7], dtype=torch.float64)
        first, second = (
            ConditionalTriple(lanes=1)(_spreading(), params, 9, torch.Generator().manual_seed(3)) for _ in range(2)
        )
        assert torch.equal(first, second)

    def test_site_without_parameters(self) -> None:
        program = replace(_spreading(), site=lambda params, state, k: Bernoulli(torch.full_like(state, 0.3)))
        rows = ConditionalTriple()(program, torch.tensor([0.4, 0.7], dtype=torch.float64), 5, torch.Generator())
        assert torch.equal(rows, torch.zeros(5, 2, dtype=torch.float64))

    def test_refusals(self) -> None:
        point = torch.tensor([0.1, 0.2])
        with pytest.raises(NotApplicableError, match="lanes=0"):
            ConditionalTriple(lanes=0)
        with pytest.raises(NotApplicableError, match="lanes=0"):
            ConditionalTripleControlVariate(lanes=0)
        with pytest.raises(NotApplicableError, match="flow='sideways'"):
            ConditionalTriple("sideways")
        with pytest.raises(NotApplicableError, match="MarkovProgram"):
            ConditionalTriple()(lambda params, sample: params.sum(-1), point, 2, torch.Generator())
        with pytest.raises(NotApplicableError, match="scalar"):
            ConditionalTriple("one_sided")(_spreading(), point, 2, torch.Generator())
        wide = replace(_spreading(), site=lambda params, state, k: Bernoulli(logits=params))
        with pytest.raises(NotApplicableError, match="2,\\) elements"):
            ConditionalTriple()(wide, point, 2, torch.Generator())

    def test_fit_of_a_deterministic_estimate(self) -> None:
        program = replace(_spreading(), objective=lambda state: 0 * state)
        params = torch.tensor([0.4, 0.7], dtype=torch.float64)
        fitted = ConditionalTripleControlVariate().fit(program, params, num_samples=20, generator=torch.Generator())
        assert math.isfinite(fitted.upward)
        assert math.isfinite(fitted.downward)

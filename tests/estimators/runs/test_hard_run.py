"""A hard run's parts against what they stand for."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.distributions import Bernoulli, Categorical

from gradverify.estimators import Program, Sample
from gradverify.estimators.protocol import row_gradients
from gradverify.estimators.runs.exact import exact_moments
from gradverify.estimators.runs.hard_run import HardRun

POINT = torch.tensor([0.3, -0.8], dtype=torch.float64)
ROWS = 30


def chain(params: Tensor, sample: Sample) -> Tensor:
    """A batch of bits, and a category whose law they change."""
    bits = sample(Bernoulli(logits=params))
    index = sample(Categorical(logits=torch.stack((bits[:, 0] * params[:, 0], params[:, 1], 0.5 - bits[:, 1]), -1)))
    return bits[:, 0] ** 2 * index + 3 * bits[:, 1] * params[:, 0]


def run(program: Program = chain, *, sloped: bool = True) -> HardRun:
    return HardRun.of(program, POINT, ROWS, torch.Generator().manual_seed(0), sloped=sloped)


def test_slopes_are_the_objectives_derivative_with_later_draws_held() -> None:
    found = run()
    bits, index = (each.detach() for each in found.values)
    first, second = found.slopes()
    torch.testing.assert_close(first, torch.stack((2 * bits[:, 0] * index, torch.full_like(index, 3 * 0.3)), -1))
    torch.testing.assert_close(second, bits[:, 0] ** 2)


def test_values_that_the_objective_ignores_have_slope_zero() -> None:
    def program(params: Tensor, sample: Sample) -> Tensor:
        sample(Bernoulli(logits=params))
        return sample(Bernoulli(logits=params[:, 0]))

    ignored, counted = run(program).slopes()
    assert (ignored == 0).all()
    assert (counted == 1).all()
    assert all((each == 0).all() for each in run(program, sloped=False).slopes())


def test_means_follow_what_was_drawn_before() -> None:
    found = run()
    bits = found.values[0].detach()
    first, second = found.means()
    torch.testing.assert_close(first.detach(), POINT.sigmoid().expand(ROWS, -1))
    logits = torch.stack((bits[:, 0] * 0.3, torch.full((ROWS,), -0.8, dtype=torch.float64), 0.5 - bits[:, 1]), -1)
    torch.testing.assert_close(second.detach(), logits.softmax(-1) @ torch.arange(3.0, dtype=torch.float64))


def test_compensation_is_the_mean_of_what_the_deviation_adds_to_the_score() -> None:
    """``E[sum d (x - mu) sum s] = E[sum d grad mu]`` for constant slopes, chained sites included, over all outcomes."""

    def difference(program: Program, params: Tensor, rows: int, generator: torch.Generator, *, whole: bool = True) -> Tensor:
        found = HardRun.of(program, params, rows, generator)
        slopes = [torch.full_like(each, 2.0 + k) for k, each in enumerate(found.values)]
        return row_gradients(found.deviation(slopes) * found.score - whole * found.compensation(slopes), found.leaf)

    mean, _ = exact_moments(difference, chain, POINT)
    torch.testing.assert_close(mean, torch.zeros(2, dtype=torch.float64), rtol=0, atol=1e-12)
    planted, _ = exact_moments(lambda *arguments: difference(*arguments, whole=False), chain, POINT)
    assert (planted.abs() > 0.1).any()

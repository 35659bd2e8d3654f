"""Finite differences: the exact mean is a quotient of two enumerated means.

Statistical tests: two-sided false-fail rate 9.6e-7 a coordinate; the smallest error that they find is asserted.
"""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.distributions import Bernoulli

from gradverify.estimators import FiniteDifference, NotApplicableError, Sample
from gradverify.estimators.enumeration import enumerate_paths
from gradverify.estimators.finite_difference import difference_steps

from .intervals import QUANTILE, smallest_visible, variance_z_score, z_scores
from .programs import CASES, Case, coin


def _quotient(case: Case, step: float) -> Tensor:
    """``[E f(theta + h) - E f(theta - h)] / (2 h)`` in every coordinate."""
    params = case.point()
    flat, steps = params.reshape(-1), difference_steps(params, step)
    quotients = []
    for coordinate, width in enumerate(steps):
        shift = torch.zeros_like(flat).index_fill(0, torch.tensor([coordinate]), float(width)).reshape(params.shape)
        above, below = (enumerate_paths(case.program, params + sign * shift).mean() for sign in (1, -1))
        quotients.append((above - below) / (2 * width))
    return torch.stack(quotients).reshape(params.shape)


def test_steps_are_relative_where_there_is_something_to_relate_to() -> None:
    steps = difference_steps(torch.tensor([[2.0, -4.0], [0.0, 0.5]], dtype=torch.float64), 0.05)
    assert steps.tolist() == pytest.approx([0.1, 0.2, 0.05, 0.025])
    assert difference_steps(torch.tensor(0.0), 0.5).tolist() == [0.5]


@pytest.mark.parametrize("case", CASES, ids=[each.name for each in CASES])
def test_the_mean_is_the_difference_quotient(case: Case) -> None:
    """At a step so wide that the quotient is not the derivative, and the noise is small."""
    step = 0.4
    quotient = _quotient(case, step)
    assert (quotient - case.exact()).abs().max() > 1e-3 * case.exact().abs().max()
    rows = FiniteDifference(step=step)(case.program, case.point(), 350_000, torch.Generator().manual_seed(1))
    assert (smallest_visible(rows) < 0.2 * quotient.abs().max()).all()
    assert (z_scores(rows, quotient) < QUANTILE).all()


def test_common_random_numbers_leave_the_variance_of_one_jump() -> None:
    """One bit: the runs differ with probability 2 h, so the variance is Delta^2 (1 / (2 h) - 1), not O(1 / h^2)."""
    p, step, gain = 0.3, 0.1, 7.0
    rows = FiniteDifference(step=step)(
        coin(lambda bit: (bit + 1) ** 3), torch.tensor(p, dtype=torch.float64), 300_000, torch.Generator().manual_seed(2)
    )
    exact = gain**2 * (1 / (2 * step * p) - 1)
    distance, visible = variance_z_score(rows, exact, rounding=0.0)
    assert visible < 0.05
    assert distance < QUANTILE


def test_runs_with_their_own_noise_are_found() -> None:
    """The check finds a planted bug: two runs that do not share their uniforms."""
    p, step = 0.3, 0.1
    h = step * p
    generator = torch.Generator().manual_seed(2)
    above, below = (torch.rand(300_000, generator=generator, dtype=torch.float64) < p + sign * h for sign in (1, -1))
    rows = 7.0 * (above.double() - below.double()) / (2 * h)
    assert variance_z_score(rows, 49 * (1 / (2 * h) - 1), rounding=0.0)[0] > QUANTILE


def test_each_coordinate_is_moved_alone() -> None:
    """Two bits, each of its own probability and its own gain: rows are 0 or gain / (2 h)."""
    gains = torch.tensor([1.0, 100.0], dtype=torch.float64)
    params = torch.tensor([0.2, 0.7], dtype=torch.float64)
    rows = FiniteDifference(step=0.1)(
        lambda rows, sample: (sample(Bernoulli(rows)) * gains).sum(-1), params, 500, torch.Generator().manual_seed(3)
    )
    for coordinate in range(2):
        jump = float(gains[coordinate] / (0.2 * params[coordinate]))
        values = rows[:, coordinate].unique()
        torch.testing.assert_close(values, torch.tensor([0.0, jump], dtype=torch.float64))
    assert rows.shape == (500, 2)


def test_the_order_of_the_bias_is_two() -> None:
    """``E f = theta^3``: the quotient is off by exactly h^2, whatever the noise."""
    case = Case(
        "cube", lambda params, sample: sample(Bernoulli(params.unsqueeze(-1).expand(-1, 3))).prod(-1), 0.5, (Bernoulli,)
    )
    for step in (0.1, 0.2):
        torch.testing.assert_close(_quotient(case, step) - case.exact(), torch.tensor((step / 2) ** 2, dtype=torch.float64))


@pytest.mark.parametrize("step", [0.0, -0.1, math.nan, math.inf])
def test_a_step_that_is_no_width_is_refused(step: float) -> None:
    with pytest.raises(NotApplicableError, match="step="):
        FiniteDifference(step=step)


def test_whole_numbers_have_no_derivative() -> None:
    with pytest.raises(TypeError, match="floating"):
        FiniteDifference()(lambda params, sample: params.double(), torch.tensor(2), 3, torch.Generator())


def test_a_batch_that_is_large_is_drawn_in_parts_that_share_their_uniforms() -> None:
    """Every coordinate moves the same probability, so with shared uniforms all coordinates of a row are equal."""
    size, rows = 300, 2000
    calls: list[int] = []

    def program(params: Tensor, sample: Sample) -> Tensor:
        calls.append(len(params))
        return sample(Bernoulli(params.mean(-1)))

    params = torch.full((size,), 0.5, dtype=torch.float64)
    slopes = FiniteDifference(step=1.0)(program, params, rows, torch.Generator().manual_seed(0))
    assert sum(calls) == 2 * size * rows
    assert max(calls) * size <= 2**26
    assert bool((slopes == slopes[:, :1]).all())
    assert slopes[:, 0].unique().tolist() == [0.0, 1.0]

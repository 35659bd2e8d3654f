"""The exact law of the calibrated walk: against every path of a short one, and at its kink."""

from __future__ import annotations

from itertools import product

import pytest
import torch
from torch import Tensor

from gradverify.verification.problems.calibration_law import marginals, path_moments, positions, rise

STEPS = 6
THETA = torch.tensor([-1.5, 0.3, 7.0], dtype=torch.float64)


def enumerated(theta: float) -> tuple[Tensor, Tensor]:
    """Probability ``[64]`` and positions ``[64, 6]`` of every path."""
    moves = torch.tensor(list(product((-1.0, 1.0), repeat=STEPS)), dtype=torch.float64)
    after = moves.cumsum(1)
    before = after - moves
    up = torch.exp(-(before + theta).clamp(min=0) / 20)
    return torch.where(moves > 0, up, 1 - up).prod(1), after


def test_moments_are_those_of_all_paths() -> None:
    found = path_moments(THETA, STEPS)
    for place, theta in enumerate(THETA.tolist()):
        weight, path = enumerated(theta)
        torch.testing.assert_close(found.mean[:, place], weight @ path, rtol=0, atol=1e-13)
        torch.testing.assert_close(found.square[:, place], weight @ path**2, rtol=0, atol=1e-12)
        assert (found.variance[:, place] >= -1e-12).all()


def test_marginals_are_those_of_all_paths() -> None:
    weight, path = enumerated(7.0)
    last = list(marginals(THETA, STEPS))[-1][2]
    expected = torch.stack([weight[path[:, -1] == place].sum() for place in positions(STEPS)])
    torch.testing.assert_close(last, expected, rtol=0, atol=1e-14)


def test_derivative_is_that_of_finite_differences() -> None:
    leaf = torch.tensor([0.3, 7.0], dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(path_moments(leaf, STEPS).mean.sum(), leaf)
    up, down = (path_moments(leaf.detach() + shift, STEPS).mean.sum(0) for shift in (1e-5, -1e-5))
    torch.testing.assert_close(slope, (up - down) / 2e-5, rtol=0, atol=1e-8)


@pytest.mark.parametrize(("theta", "slope"), [(0.0, 0.0), (-3.0, 0.0), (2.0, -0.9048374180359595 / 20)])
def test_clip_has_the_left_derivative(theta: float, slope: float) -> None:
    leaf = torch.tensor(theta, dtype=torch.float64, requires_grad=True)
    up = rise(torch.zeros((), dtype=torch.float64), leaf)
    (found,) = torch.autograd.grad(up, leaf)
    assert float(found) == pytest.approx(slope, abs=1e-15)
    assert float(up.detach()) == pytest.approx(min(1.0, torch.exp(torch.tensor(-theta / 20)).item()), rel=1e-6)

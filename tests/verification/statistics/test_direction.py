"""Relative error, scale and angle: their intervals cover, against exact and sampled gradients, with noise of any shape."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from gradverify.verification.statistics.batches import Batches
from gradverify.verification.statistics.direction import angle_between, exact_figures, gradient_figures

Noise = Callable[[np.random.Generator, int], np.ndarray]

NOISE: dict[str, Noise] = {
    "isotropic": lambda g, n: g.normal(size=(n, 5)),
    "one direction": lambda g, n: g.normal(size=(n, 5)) * [3, 0.2, 0.2, 0.2, 0.2],
    "lognormal": lambda g, n: 0.5 * (g.lognormal(size=(n, 5)) - math.exp(0.5)),
}
RUNS = 150
LEAST = 134
"""Of 150 intervals of level .95, fewer cover with a probability of 4e-3; below .8 they pass with one of 3e-4."""


def folded(errors: np.ndarray, reference: np.ndarray | None = None) -> Batches:
    batches = Batches.empty(errors.shape[1], sampled=reference is not None)
    for start in range(0, len(errors), 1000):
        part = None if reference is None else reference[start : start + 1000]
        batches = batches.extend(Batches.from_rows(errors[start : start + 1000], part))
    return batches


def mean_at(gradient: np.ndarray, scale: float, degrees: float) -> np.ndarray:
    """Return a vector of length ``scale`` at an angle to a unit gradient."""
    across = np.array([1.0, -2.0, 0.5, 3.0, -1.0])
    across -= across @ gradient * gradient
    across /= np.linalg.norm(across)
    return scale * (math.cos(math.radians(degrees)) * gradient + math.sin(math.radians(degrees)) * across)


GRADIENT = np.array([1.0, 2.0, -1.0, 0.5, 3.0]) / np.linalg.norm([1.0, 2.0, -1.0, 0.5, 3.0])


@pytest.mark.parametrize("sampled", [False, True])
@pytest.mark.parametrize("name", NOISE)
@pytest.mark.parametrize(("scale", "degrees"), [(0.75, 0.0), (1.0, 31.0), (-1.0, 1.0)])
def test_intervals_cover(name: str, scale: float, degrees: float, sampled: bool) -> None:
    rng, noise, mean = np.random.default_rng(0), NOISE[name], mean_at(GRADIENT, scale, degrees)
    truth = exact_figures(mean - GRADIENT, GRADIENT, 1.0)
    assert truth.scale is not None
    assert truth.angle is not None
    hits = np.zeros(3)
    for _ in range(RUNS):
        rows = mean + noise(rng, 2000)
        other = GRADIENT + (noise(rng, 2000) if sampled else np.zeros((2000, 5)))
        found = gradient_figures(folded(rows - other, other if sampled else None), GRADIENT, 1.0, 1.96)
        assert found is not None
        assert found.scale is not None
        assert found.angle is not None
        pairs = ((found.relative_error, truth.relative_error), (found.scale, truth.scale), (found.angle, truth.angle))
        hits += [one.interval[0] - 1e-9 <= two.estimate <= one.interval[1] + 1e-9 for one, two in pairs]
    assert hits.min() >= LEAST


def test_the_cosine_of_two_means_would_not() -> None:
    """The planted bug: the angle between the mean and the gradient, its noise across taken for a turn. The truth is zero."""
    rng, turned = np.random.default_rng(1), 0
    for _ in range(60):
        mean = (GRADIENT + NOISE["isotropic"](rng, 2000)).mean(axis=0)
        turned += math.degrees(math.acos(mean @ GRADIENT / np.linalg.norm(mean))) > 2
    assert turned >= 30


def test_a_sampled_gradient_in_its_own_noise_gives_nothing() -> None:
    rng = np.random.default_rng(2)
    other = 0.01 * GRADIENT + rng.normal(size=(2000, 5))
    assert gradient_figures(folded(rng.normal(size=(2000, 5)) - other, other), GRADIENT, 1.0, 1.96) is None


def test_one_parameter_has_no_angle() -> None:
    rng = np.random.default_rng(3)
    other = 2 + rng.normal(size=(4000, 1))
    found = gradient_figures(folded(rng.normal(size=(4000, 1)) + 1 - other, other), np.array([2.0]), 2.0, 1.96)
    assert found is not None
    assert found.scale is not None
    assert found.angle is None
    assert found.scale.estimate == pytest.approx(0.5, abs=0.1)


def test_a_zero_gradient_has_a_size_alone() -> None:
    rng = np.random.default_rng(4)
    found = gradient_figures(folded(rng.normal((0.3, 0.4), size=(2000, 2))), np.zeros(2), 2.0, 1.96)
    assert found is not None
    assert (found.scale, found.angle) == (None, None)
    assert found.relative_error.interval[0] < 0.25 < found.relative_error.interval[1]


def test_two_batches_give_nothing() -> None:
    assert gradient_figures(folded(np.ones((32, 2))), np.ones(2), 1.0, 1.96) is None


@pytest.mark.parametrize(
    ("across", "along", "expected"),
    [
        ((0.0, 0.0), (1.0, 2.0), (0.0, 0.0)),
        ((0.0, 0.1), (-2.0, -1.0), (180 - math.degrees(math.atan(0.1)), 180.0)),
        ((1.0, 1.0), (-1.0, 1.0), (45.0, 135.0)),
        ((0.0, 1.0), (-1.0, 1.0), (0.0, 180.0)),
    ],
)
def test_angles_of_every_corner(across: tuple, along: tuple, expected: tuple[float, float]) -> None:
    assert angle_between(across, along) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("error", "scale", "angle"), [([-1.5, -2.0], 0.5, 0.0), ([-7.0, 1.0], 0.32, 75.53), ([-6, -8], -1, 180)]
)
def test_exact_figures(error: list[float], scale: float, angle: float) -> None:
    found = exact_figures(np.array(error), np.array([3.0, 4.0]), 5.0)
    assert found.scale is not None
    assert found.angle is not None
    assert found.scale.estimate == pytest.approx(scale)
    assert found.angle.estimate == pytest.approx(angle, abs=0.01)
    assert found.relative_error.estimate == pytest.approx(math.hypot(*error) / 5)

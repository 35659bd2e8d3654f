"""The kind of a bias: established by what is known, never by what was not seen."""

from __future__ import annotations

import math

import numpy as np
import pytest

from gradverify.verification.statistics.direction import Figure, GradientFigures, exact_figures
from gradverify.verification.statistics.kinds import classify
from gradverify.verification.verdicts import BiasKind


def kind_of(figures: GradientFigures | None, planned: GradientFigures | None) -> BiasKind:
    return classify(figures, planned, tolerance=0.1, max_angle=2.0)


def a_figure(low: float, high: float) -> Figure:
    return Figure(estimate=(low + high) / 2, interval=(low, high))


def figures(scale: tuple[float, float], angle: tuple[float, float] | None, length: float = 1.0) -> GradientFigures:
    return GradientFigures(
        relative_error=a_figure(0.2, 0.3),
        scale=a_figure(*scale),
        angle=None if angle is None else a_figure(*angle),
        length=a_figure(0.0, length),
    )


@pytest.mark.parametrize(
    ("mean", "kind"),
    [
        ([2.25, 3.0], "rescaled"),
        ([-2.25, -3.0], "reversed"),
        ([0.0, 0.0], "zero"),
        ([2e-16, -1e-15], "zero"),
        ([-3e-16, 0.0], "zero"),
        ([4.0, -3.0], "turned"),
        ([3.1, 4.0], "rescaled"),
        ([3.0, 4.4], "turned"),
    ],
)
def test_exact_means(mean: list[float], kind: BiasKind) -> None:
    truth = np.array([3.0, 4.0])
    found = exact_figures(np.array(mean) - truth, truth, 5.0)
    assert kind_of(found, found) == kind


@pytest.mark.parametrize(("mean", "kind"), [(1.5, "rescaled"), (0.03, "rescaled"), (-2.0, "reversed"), (0.0, "zero")])
def test_one_parameter_is_never_turned(mean: float, kind: BiasKind) -> None:
    found = exact_figures(np.array([mean - 2.0]), np.array([2.0]), 2.0)
    assert kind_of(found, found) == kind


def test_a_turn_that_was_not_seen_is_no_right_direction() -> None:
    assert kind_of(figures((0.7, 0.8), (0.0, 5.0)), figures((0.7, 0.8), (0.0, 3.0))) == "undetermined"
    assert kind_of(figures((0.7, 0.8), (0.0, 5.0)), None) == "undetermined"
    assert kind_of(figures((0.7, 0.8), (0.0, 2.5)), figures((0.7, 0.8), (0.0, 1.9))) == "rescaled"


def test_a_scale_of_unknown_sign_is_neither() -> None:
    unknown = figures((-0.2, 0.3), (0.0, 180.0))
    assert kind_of(unknown, unknown) == "undetermined"
    assert kind_of(figures((-0.05, 0.03), (0.0, 180.0), 0.09), figures((-0.04, 0.02), (0.0, 180.0), 0.09)) == "zero"


def test_nothing_known_is_undetermined() -> None:
    assert kind_of(None, None) == "undetermined"
    zero = exact_figures(np.array([1.0, 0.0]), np.zeros(2), math.inf)
    assert kind_of(zero, zero) == "undetermined"

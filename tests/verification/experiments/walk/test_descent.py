"""Descents: they reach a minimum, and do not touch each other."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from gradverify.verification.experiments.walk.descent import descend, points

from .designs import TINY

DESIGN = replace(TINY, starts=(0.0, 10.0, 30.0, 40.0), iterations=200)


def slope(theta: Tensor) -> Tensor:
    return 2 * (theta - 20)


def test_descents_reach_the_minimum_from_every_start() -> None:
    path = descend(slope, DESIGN)
    assert path.shape == (201, 8)
    assert torch.equal(path[0], points(DESIGN))
    assert (abs(path[-1] - 20) < 0.05).all()
    assert (abs(descend(lambda theta: -slope(theta), DESIGN)[-1] - 20) > 1).all()


def test_descents_do_not_touch_each_other() -> None:
    one, other = (descend(slope, replace(DESIGN, starts=starts)) for starts in ((0.0, 10.0), (39.0, 10.0)))
    assert torch.equal(one[:, 2:], other[:, 2:])


def test_no_gradient_moves_nothing() -> None:
    assert (descend(torch.zeros_like, DESIGN) == points(DESIGN)).all()

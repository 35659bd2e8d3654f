"""Objectives: values, degrees, and where their derivative is zero."""

from __future__ import annotations

import math

import pytest
import torch

from gradverify.verification.problems.objectives import exponential, indicator, polynomial

POINTS = torch.tensor([-1.0, 0.5, 2.0], dtype=torch.float64)


def test_values_are_those_of_the_formulas() -> None:
    assert polynomial("cubic", 3, 0.5).function(POINTS).tolist() == [-0.125, 1.0, 15.625]
    assert exponential(2.0).function(POINTS).tolist() == pytest.approx([math.exp(x / 2) for x in POINTS.tolist()])
    assert indicator(0.5).function(POINTS).tolist() == [0.0, 0.0, 1.0]


def test_degree_and_continuity_are_declared() -> None:
    assert (polynomial("square", 2).degree, exponential().degree, indicator(0.0).degree) == (2, None, None)
    assert (polynomial("square", 2).continuous, indicator(0.0).continuous) == (True, False)

"""Bias and variance of batch gradients, measured on gradients whose bias and variance are known."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from gradverify.verification.experiments.walk.accuracy import accuracy
from gradverify.verification.experiments.walk.baseline import baseline
from gradverify.verification.experiments.walk.walk_losses import Target, exact_gradient

from .designs import TINY

DATA = baseline(TINY, "time")


def shifted(theta: Tensor, paths: Tensor, generator: torch.Generator) -> Tensor:
    """The exact gradient, half a unit off, with alternating noise of variance one."""
    sign = 1 - 2 * (torch.arange(len(theta)) // 3 % 2)
    return exact_gradient(theta, Target.of(paths), "mean") + 0.5 + sign


def test_bias_and_variance_are_found() -> None:
    found = accuracy(shifted, DATA, "mean", TINY, torch.Generator())
    assert [each.theta for each in found] == [10.0, 30.0, 20.0]
    for each in found:
        assert each.batches == TINY.replicates
        assert each.mean - each.exact == pytest.approx(0.5, abs=1e-12)
        assert each.variance == pytest.approx(8 / 7, rel=1e-12)
        assert each.error == pytest.approx((1 / 7) ** 0.5, rel=1e-12)


def test_a_batch_that_is_not_finite_leaves_no_figures() -> None:
    def broken(theta: Tensor, paths: Tensor, generator: torch.Generator) -> Tensor:
        rows = shifted(theta, paths, generator)
        rows[0] = math.nan
        return rows

    for each in accuracy(broken, DATA, "mean", TINY, torch.Generator()):
        assert math.isnan(each.mean)
        assert math.isnan(each.variance)

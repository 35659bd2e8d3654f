"""The evidence lower bound of a graph: a likelihood, and a divergence with and without its constant."""

from __future__ import annotations

import math

import pytest
import torch

from gradverify.verification.problems.relational.losses import VARIANCE, kl_as_plotted, trajectory_nll, true_kl


def test_the_likelihood_is_a_sum_over_time_averaged_over_particles() -> None:
    frames = torch.zeros(2, 5, 3, 4)
    predicted = torch.full_like(frames, 0.01)
    assert trajectory_nll(predicted, frames).tolist() == pytest.approx([3 * 4 * 1e-4 / (2 * VARIANCE)] * 2, rel=1e-5)


def test_a_certain_posterior_has_the_greatest_divergence() -> None:
    sure = torch.tensor([50.0, 0.0]).expand(20, 2)
    assert float(true_kl(sure, 5)) == pytest.approx(4 * math.log(2))
    assert float(kl_as_plotted(sure, 5)) == pytest.approx(0, abs=1e-9)

"""Losses and scores: limits of the KL, the likelihood's weight, relabelling, forecasts."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from gradverify.verification.experiments.nri.dataset import Split
from gradverify.verification.experiments.nri.metrics import evaluate, forecast_errors, measure_accuracies
from gradverify.verification.problems.relational.losses import kl_as_plotted, trajectory_nll, true_kl


@pytest.mark.parametrize("types", [2, 3])
def test_kl_is_zero_at_the_uniform_posterior_and_greatest_at_a_sure_one(types: int) -> None:
    uniform = torch.zeros(7, 20, types, dtype=torch.float64)
    sure = uniform.clone()
    sure[..., 0] = 60
    assert true_kl(uniform, 5).abs().max() < 1e-12
    assert float((true_kl(sure, 5) - 4 * math.log(types)).abs().max()) < 1e-12
    assert float((kl_as_plotted(uniform, 5) + 4 * math.log(types)).abs().max()) < 1e-12
    between = true_kl(torch.randn(7, 20, types, generator=torch.Generator().manual_seed(0)), 5)
    assert bool(((between > 0) & (between < 4 * math.log(types))).all())


def test_kl_is_the_mean_over_particles_of_each_edges_divergence() -> None:
    q = torch.tensor([0.2, 0.8], dtype=torch.float64)
    each = float((q * (2 * q).log()).sum())
    assert float(true_kl(q.log().expand(20, 2), 5)) == pytest.approx(4 * each, rel=1e-12)


def test_likelihood_is_of_each_graph_and_each_particles_mean() -> None:
    frames = torch.zeros(2, 5, 3, 4, dtype=torch.float64)
    predicted = frames.clone()
    predicted[1, 2, 1, 3] = 0.1
    assert trajectory_nll(predicted, frames).tolist() == pytest.approx([0.0, 0.01 / (2 * 5e-5) / 5], rel=1e-12)


def test_one_relabelling_serves_the_whole_split() -> None:
    truth = torch.tensor([[0, 1, 2], [0, 1, 2]])
    turned = (truth + 1) % 3
    assert measure_accuracies(turned, truth, 3) == (1.0, 0.0)
    mixed = torch.stack((turned[0], truth[1]))
    assert measure_accuracies(mixed, truth, 3) == (0.5, 0.5)
    assert measure_accuracies(torch.zeros_like(truth), truth, 3) == (1 / 3, 1 / 3)


class _Known:
    """An encoder that knows the types, or says them the wrong way round."""

    def __init__(self, edges: Tensor, *, turned: bool = False) -> None:
        self.types = 1 - edges if turned else edges

    def __call__(self, frames: Tensor) -> Tensor:
        return 60 * torch.nn.functional.one_hot(self.types, 2).float()


class _Still:
    """Everything stays where it is, plus a tenth times the share of edges of type one."""

    def __call__(self, frames: Tensor, edges: Tensor, horizon: int) -> Tensor:
        return frames[:, :, :-1] + 0.1 * edges[..., 1].mean(1)[:, None, None, None]

    def forecast(self, frames: Tensor, edges: Tensor, steps: int) -> Tensor:
        return frames[:, :, -1:].expand(-1, -1, steps, -1)


def split(time: int = 40) -> Split:
    edges = torch.tensor([[0, 1, 1, 1, 1, 0], [1, 1, 1, 1, 1, 1]])
    return Split(torch.arange(time).float()[None, None, :, None].expand(2, 3, time, 4) / 100, edges)


@pytest.mark.parametrize("turned", [False, True])
def test_scores_of_a_model_that_knows(turned: bool) -> None:
    data = split()
    scores = evaluate(_Known(data.edges, turned=turned), _Still(), data, 10, 0, frames=5)
    assert scores.accuracy == 1
    assert scores.raw_accuracy == float(not turned)
    assert scores.kl == pytest.approx(2 * math.log(2), abs=1e-6)
    assert scores.kl_plotted == pytest.approx(0, abs=1e-6)
    shares = (2 / 6, 0.0) if turned else (4 / 6, 1.0)
    off = [(0.1 * share - 0.01) ** 2 * 4 * 4 / (2 * 5e-5) for share in shares]  # four steps, four coordinates
    assert scores.nll == pytest.approx(sum(off) / 2, rel=1e-3)


def test_forecasts_start_after_what_the_encoder_sees() -> None:
    data = split()
    errors = forecast_errors(_Known(data.edges), _Still(), data, 10, 0)
    assert errors == pytest.approx([1e-4, 1e-2, 4e-2], rel=1e-3)
    short = forecast_errors(_Known(data.edges), _Still(), split(13), 10, 0)
    assert short[0] == pytest.approx(1e-4, rel=1e-3)
    assert all(math.isnan(each) for each in short[1:])

"""The batch gradient: unbiased for both losses at every point, and points that stay apart."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
import torch
from torch import Tensor

from gradverify.estimators import Program
from gradverify.estimators.protocol import NoGradientPathError
from gradverify.estimators.registry import ESTIMATORS
from gradverify.verification.experiments.walk.baseline import simulate_walks
from gradverify.verification.experiments.walk.design import Loss
from gradverify.verification.experiments.walk.gradients import batch_gradient
from gradverify.verification.experiments.walk.walk_losses import Target, exact_gradient, one_behind_another, side_by_side

Z = 4.9  # a sound mean fails one of the 24 comparisons below with probability 2.3e-5 in all; seeds are fixed
BATCHES = 200
POINTS = torch.tensor([0.0, 12.5, 30.0], dtype=torch.float64)
BASELINE = simulate_walks(torch.full((40,), 20.0, dtype=torch.float64), 12, torch.Generator().manual_seed(1))


def batches(name: str, loss: Loss, batch: int = 16) -> Tensor:
    """Gradients of many batches, ``[batches, points]``."""
    theta = POINTS.repeat(BATCHES)
    gradient = batch_gradient(ESTIMATORS[name], loss, batch)
    rows = gradient(theta, BASELINE.expand(len(theta), -1, -1), torch.Generator().manual_seed(4))
    return rows.reshape(BATCHES, len(POINTS))


@pytest.mark.parametrize("name", ["leave_one_out", "stochastic_triple", "flip_all", "conditional_triple"])
@pytest.mark.parametrize("loss", ["trajectory", "mean"])
def test_unbiased_estimators_give_unbiased_batches(name: str, loss: Loss) -> None:
    """At the clip (theta = 0) too. A gradient that is 1.5 times as large is told from the truth."""
    rows = batches(name, loss)
    truth = exact_gradient(POINTS, Target.of(BASELINE.unsqueeze(0)), loss)
    error = rows.std(0) / BATCHES**0.5
    assert (abs(rows.mean(0) - truth) < Z * error).all()
    assert (abs(1.5 * rows.mean(0) - truth) > Z * error).any()


def test_a_residual_from_the_same_walks_would_be_biased() -> None:
    """Why the batch is halved: with its own walks' residual the gradient gains a covariance, Var X's derivative / batch."""
    theta = torch.tensor([2.5], dtype=torch.float64).repeat(4000)
    generator = torch.Generator().manual_seed(5)
    whole = batch_gradient(ESTIMATORS["smoothed_triple"], "trajectory", 1)
    own = whole(theta, BASELINE.mean(0).expand(len(theta), 1, -1), generator)
    truth = float(exact_gradient(theta[:1], Target.of(BASELINE.unsqueeze(0)), "mean"))
    assert abs(float(own.mean()) - truth) > Z * float(own.std()) / len(own) ** 0.5


def test_layouts_are_found() -> None:
    found = {
        name: batch_gradient(ESTIMATORS[name], "mean", 8).layout for name in ("leave_one_out", "stochastic_triple", "flip_all")
    }
    assert found == {"leave_one_out": side_by_side, "stochastic_triple": side_by_side, "flip_all": one_behind_another}
    assert batch_gradient(ESTIMATORS["score_function_baseline"], "mean", 8).layout is None


@dataclass(frozen=True)
class Coupled:
    """Adds the batch's mean to every row: rows that are no replicates."""

    def __call__(self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
        rows = ESTIMATORS["smoothed_triple"](program, params, num_samples, generator)
        return rows + rows.mean()


def test_coupled_rows_are_noticed() -> None:
    """Such an estimator is run one point at a time; a trial that did not look would put it with the sound one."""
    assert batch_gradient(Coupled(), "trajectory", 8).layout is None
    assert batch_gradient(ESTIMATORS["smoothed_triple"], "trajectory", 8).layout is side_by_side


def test_one_point_at_a_time_is_the_same_in_the_mean() -> None:
    batched = batch_gradient(ESTIMATORS["leave_one_out"], "trajectory", 8)
    alone = replace(batched, layout=None)
    theta = POINTS[1:2].repeat(80)
    baseline = BASELINE.expand(80, -1, -1)
    one, other = (each(theta, baseline, torch.Generator().manual_seed(6)) for each in (batched, alone))
    error = float((one.var() / 80 + other.var() / 80).sqrt())
    assert abs(float(one.mean() - other.mean())) < Z * error
    assert error < 1.0  # of a gradient of about -3, so that a lost half would be seen


def test_relaxed_walks_give_their_own_residual() -> None:
    """At the truth the exact gradient is that of noise; a relaxed walk's mean path is another, so its gradient is not."""
    theta = torch.full((400,), 20.0, dtype=torch.float64)
    law = simulate_walks(torch.full((4000,), 20.0, dtype=torch.float64), 60, torch.Generator().manual_seed(8))
    found = {}
    for name in ("gumbel_softmax", "straight_through"):
        gradient = batch_gradient(ESTIMATORS[name], "mean", 16)
        rows = gradient(theta, law.expand(400, -1, -1), torch.Generator().manual_seed(7))
        found[name] = abs(float(rows.mean())) / (float(rows.std()) / 20)
    assert found["gumbel_softmax"] > Z > found["straight_through"]


def test_an_ended_gradient_is_said() -> None:
    with pytest.raises(NoGradientPathError):
        batch_gradient(ESTIMATORS["agent_torch_categorical"], "mean", 8)

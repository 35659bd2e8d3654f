"""The exact losses, where they are least, and how rows belong to replicates."""

from __future__ import annotations

import pytest
import torch

from gradverify.estimators.registry import ESTIMATORS
from gradverify.verification.experiments.walk.walk_losses import (
    LAYOUTS,
    LayoutError,
    RowLoss,
    Target,
    exact_gradient,
    exact_loss,
    minimisers,
    side_by_side,
)
from gradverify.verification.problems.calibration_law import path_moments

GENERATOR = torch.Generator().manual_seed(3)
PATHS = torch.randint(-4, 5, (2, 5, 6), generator=GENERATOR).double()
THETA = torch.tensor([2.3, 13.7], dtype=torch.float64)  # at integers the clip leaves only one-sided derivatives


def test_losses_are_sums_over_trajectories() -> None:
    """E (X - b)^2 averaged over the trajectories b, term by term; and the squared distance of means."""
    moments = path_moments(THETA, 6)
    for point in range(2):
        terms = moments.square[:, point] - 2 * PATHS[point] * moments.mean[:, point] + PATHS[point] ** 2
        assert float(exact_loss(THETA, Target.of(PATHS), "trajectory")[point]) == pytest.approx(float(terms.mean()), rel=1e-12)
        apart = (moments.mean[:, point] - PATHS[point].mean(0)) ** 2
        assert float(exact_loss(THETA, Target.of(PATHS), "mean")[point]) == pytest.approx(float(apart.mean()), rel=1e-12)


@pytest.mark.parametrize("loss", ["trajectory", "mean"])
def test_gradient_is_that_of_finite_differences(loss: str) -> None:
    target = Target.of(PATHS)
    slope = exact_gradient(THETA, target, loss)  # type: ignore[arg-type]
    up, down = (exact_loss(THETA + shift, target, loss) for shift in (1e-5, -1e-5))  # type: ignore[arg-type]
    torch.testing.assert_close(slope, (up - down) / 2e-5, rtol=0, atol=1e-7)


def test_only_the_error_of_mean_trajectories_is_least_at_the_truth() -> None:
    assert float(minimisers(Target.law(20.0, 70), "mean")) == pytest.approx(20.0, abs=1e-8)
    least = minimisers(Target.law(20.0, 70), "trajectory")
    assert float(least) == pytest.approx(19.94267, abs=1e-5)
    assert float(exact_gradient(least, Target.law(20.0, 70), "trajectory")) == pytest.approx(0.0, abs=1e-8)


@pytest.mark.parametrize(("name", "layout"), [("leave_one_out", 0), ("flip_all", 1), ("smoothed_triple", 0)])
def test_row_loss_is_that_of_one_replicate(name: str, layout: int) -> None:
    """Both replicates at one point, with tables of their own: the second's are those of a batch of its alone in law."""
    table = torch.stack((torch.zeros(3), torch.full((3,), 50.0)), 1).double()
    loss = RowLoss(THETA[:1].repeat(2), table, squared=False)
    origin = torch.zeros((), dtype=torch.float64)
    rows = ESTIMATORS[name](loss.program("bit", LAYOUTS[layout]), origin, 2, torch.Generator().manual_seed(0))
    assert float(rows[0]) == 0.0
    assert float(rows[1]) != 0.0


def test_rows_that_are_no_multiple_of_the_replicates_are_refused() -> None:
    program = RowLoss(THETA, torch.zeros(3, 2, dtype=torch.float64), squared=True).program("bit", side_by_side)
    with pytest.raises(LayoutError, match="3 rows for 2 replicates"):
        program(torch.zeros(3, dtype=torch.float64), lambda distribution: distribution.sample())

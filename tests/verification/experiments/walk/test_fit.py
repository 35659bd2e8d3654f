"""What calibrated parameters come to, against scipy and against the law itself."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats

from gradverify.verification.experiments.walk.baseline import baseline
from gradverify.verification.experiments.walk.design import Split
from gradverify.verification.experiments.walk.fit import fit, wasserstein
from gradverify.verification.problems.calibration_law import marginals, path_moments, positions

from .designs import TINY

THETA = torch.tensor([20.0, 17.0], dtype=torch.float64)


def test_wasserstein_distance_is_that_of_scipy() -> None:
    paths = baseline(TINY, "time").test[:, :, :2]
    found = wasserstein(THETA, paths, 70)
    laws = list(marginals(THETA, 72))[70:]
    for point in range(2):
        expected = np.mean(
            [
                stats.wasserstein_distance(positions(72).numpy(), paths[point, :, k].numpy(), u_weights=laws[k][point].numpy())
                for k in range(2)
            ]
        )
        assert float(found[point]) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("split", ["time", "trajectories"])
def test_errors_are_measured_on_the_part_that_was_held_out(split: Split) -> None:
    data = baseline(TINY, split)
    found = fit(THETA, data).figures
    moments = path_moments(THETA, 100)
    seen = slice(70, 100) if split == "time" else slice(0, 100)
    for point in range(2):
        test = data.test[point]
        apart = (moments.mean[seen, point] - test.mean(0)) ** 2
        between = moments.square[seen, point] - 2 * test * moments.mean[seen, point] + test**2
        assert found["test_mean_mse"][point] == pytest.approx(float(apart.mean()), rel=1e-9)
        assert found["test_mse"][point] == pytest.approx(float(between.mean()), rel=1e-9)
        spread = float(moments.variance[seen, point].mean() / test.var(0, correction=0).mean())
        assert found["variance_ratio"][point] == pytest.approx(spread, rel=1e-9)


def test_the_truth_has_no_error_and_another_shift_keeps_its_own() -> None:
    """After 1,000 steps the mean is p ln 2 - theta but for curvature: an error of theta is one of position, not more."""
    found = fit(THETA, baseline(TINY, "time"))
    assert found.figures["error"].tolist() == [0.0, 3.0]
    assert found.figures["long_error"] == pytest.approx([0.0, 3.0], abs=1e-6)
    assert found.figures["long_wasserstein"] == pytest.approx([0.0, 3.0], abs=1e-6)
    assert found.figures["long_ratio"] == pytest.approx([1.0, 1.0], abs=1e-6)
    assert found.mean.shape == (101, 2)
    assert found.ratio.shape == (100, 2)
    assert found.long_mean.shape == (51, 2)
    assert found.long_mean[5] == pytest.approx(found.mean[100], rel=1e-9)

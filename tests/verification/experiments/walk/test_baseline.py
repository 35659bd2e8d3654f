"""The baseline: its law, its splits, and that every estimator meets the same one."""

from __future__ import annotations

from dataclasses import replace

import torch

from gradverify.verification.experiments.walk.baseline import baseline, simulate_walks
from gradverify.verification.problems.calibration_law import path_moments

from .designs import TINY

ROWS = 20_000
Z = 5.3  # 200 comparisons of which a right law fails one with probability 2.3e-5; seeds fixed


def test_walks_have_the_exact_law() -> None:
    """Mean at every step; a shift of theta by 0.5 would be seen."""
    paths = simulate_walks(torch.full((ROWS,), 20.0, dtype=torch.float64), 100, torch.Generator().manual_seed(0))
    error = paths.std(0) / ROWS**0.5
    for theta, alike in ((20.0, True), (20.5, False)):
        distance = abs(paths.mean(0) - path_moments(torch.tensor([theta]).double(), 100).mean[:, 0]) / error
        assert bool((distance < Z).all()) == alike


def test_splits_are_those_of_the_tutorial() -> None:
    design = replace(TINY, trajectories=1000)
    time, trajectories = baseline(design, "time"), baseline(design, "trajectories")
    assert time.train.shape == (2, 1000, 70)
    assert time.test.shape == (2, 1000, 30)
    assert trajectories.train.shape == (2, 700, 100)
    assert trajectories.test.shape == (2, 300, 100)
    assert torch.equal(torch.cat((time.train, time.test), 2), torch.cat((trajectories.train, trajectories.test), 1))


def test_a_baseline_depends_on_the_seeds_alone() -> None:
    one, other = baseline(TINY, "time").train, baseline(replace(TINY, starts=(1.0,), iterations=9, batch=8), "time").train
    assert torch.equal(one, other)
    assert not torch.equal(one[0], one[1])
    assert not torch.equal(one, baseline(replace(TINY, seed=1), "time").train)
    assert torch.equal(one, baseline(replace(TINY, seeds=3), "time").train[:2])

"""The choice of runs that are compared with a law: independent however the runs of a replicate lie in the batch."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from gradverify.verification.checks.law_runs import choose_runs, runs_at


@pytest.mark.parametrize("copies", [1, 2, 6, 46, 50])
def test_chosen_rows_differ_in_their_replicate_in_every_layout(copies: int) -> None:
    replicates = 512
    chosen = choose_runs(np.arange(copies * replicates), copies * replicates, replicates)
    for inner in (size for size in range(1, copies + 1) if copies % size == 0):
        assert np.unique(chosen // inner % replicates).size == chosen.size
    assert chosen.size > 0.75 * replicates
    assert (np.diff(chosen) > 0).all()


@pytest.mark.parametrize("copies", [2, 6, 50])
def test_every_run_of_a_replicate_is_chosen_about_as_often(copies: int) -> None:
    """A run is chosen within 5 standard errors of the others, so a wrong law of any one of them shows."""
    replicates = 4096
    chosen = choose_runs(np.arange(copies * replicates), copies * replicates, replicates)
    share = chosen.size / copies
    for numbers in (chosen % copies, chosen // replicates):
        counts = np.bincount(numbers, minlength=copies)
        assert (np.abs(counts - share) < 5 * share**0.5).all()


def test_only_candidates_are_chosen() -> None:
    candidates = np.arange(0, 64, 2)
    chosen = choose_runs(candidates, 64, 32)
    assert chosen.size
    assert not (chosen % 2).any()


def test_runs_at_the_point_may_differ_from_it_by_rounding() -> None:
    point = torch.tensor([0.1, 0.7], dtype=torch.float64)
    there = torch.stack([point, point + 1e-5, point * (1 + 2e-16), point.float().double(), (point * 3) / 3])
    assert runs_at(point, there).tolist() == [0, 2, 4]
    assert runs_at(point, there.float()).tolist() == [0, 2, 3, 4]
    assert runs_at(torch.zeros(()), torch.tensor([0.0, 1e-9])).tolist() == [0]

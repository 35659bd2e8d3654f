"""Polynomial programming's training: its gradients, where it rests, and what follows from a seed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from gradverify.verification.experiments.published import polynomial_training as published_training
from gradverify.verification.experiments.published.polynomial_training import (
    EXACT,
    Schedule,
    end_values,
    resting_loss,
    train,
    train_all,
)

TINY = Schedule(powers=(2.0,), dimension=4, epochs=2, steps=5, seeds=2)


def test_the_schedule_is_the_published_one() -> None:
    published = Schedule()
    assert (published.dimension, published.batch, published.rate, published.spread) == (128, 64, 1e-3, 0.01)
    assert published.epochs * published.steps == 8000
    assert published.powers == (1.5, 2.0, 3.0)


@pytest.mark.parametrize(
    ("power", "optimum", "rest"), [(1.5, 0.301869, 0.352223), (2.0, 0.2025, 0.2475), (3.0, 0.091125, 0.121300)]
)
def test_straight_through_rests_short_of_the_optimum(power: float, optimum: float, rest: float) -> None:
    assert end_values(power)[0] == pytest.approx(optimum, abs=5e-7)
    assert resting_loss(power) == pytest.approx(rest, abs=1e-6)


def test_every_seed_has_the_gradient_at_its_own_logits() -> None:
    """Leave-one-out against the exact gradient: 8 means of 100 batches, 6 standard errors, rate 3e-7 in all (Student's t).

    Planted: the two seeds' logits exchanged.
    """
    logits = torch.tensor([[[0.0, 1.5], [0.0, -0.5]], [[0.0, -2.0], [0.0, 2.5]]])
    schedule = replace(TINY, dimension=2, powers=(3.0,), batch=2048)
    gradient = published_training._rule("leave_one_out", 3.0, schedule, torch.Generator().manual_seed(0))
    rows = torch.stack([gradient(logits) for _ in range(100)]).double()
    for held_against, alike in ((logits, True), (logits.flip(0), False)):
        exact = published_training._rule(EXACT, 3.0, schedule, torch.Generator())(held_against)
        distance = (rows.mean(0) - exact).abs() / (rows.std(0) / len(rows) ** 0.5)
        assert bool((distance < 6).all()) is alike


@pytest.mark.parametrize("name", [EXACT, "reinmax"])
def test_a_training_follows_from_its_seed(name: str) -> None:
    first, again, other = (train(name, 2.0, TINY, seed) for seed in (0, 0, 1))
    assert first.shape == (3, 2)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert (first[:, 0] != first[:, 1]).all()
    assert np.array_equal(first[0], train("straight_through", 2.0, TINY, 0)[0])


def test_rules_end_where_their_mean_gradient_is_zero() -> None:
    """A rate fifty times as high for a fiftieth of the steps, so that a coordinate is soon at its rest and wiggles around it.

    Straight-through rests at 0.2475, 0.045 above the optimum; a loss is linear in the probabilities, 64 of which are averaged.
    """
    schedule = replace(TINY, dimension=64, epochs=1, steps=160, rate=0.05)
    ends = {name: train(name, 2.0, schedule, 0)[-1] for name in (EXACT, "straight_through", "reinmax")}
    assert (abs(ends["straight_through"] - resting_loss(2.0)) < 3e-3).all()
    assert (ends["reinmax"] < 0.2125).all()
    assert (ends[EXACT] < 0.2035).all()


def test_every_rule_is_trained_at_every_power(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(published_training, "TRAINED", (EXACT, "reinmax"))
    told: list[str] = []
    runs = train_all(TINY, 0, progress=told.append)
    assert [(each.estimator, each.power) for each in runs] == [(EXACT, 2.0), ("reinmax", 2.0)]
    assert told == ["exact gradient, power 2", "reinmax, power 2"]
    assert np.array_equal(runs[1].losses, train("reinmax", 2.0, TINY, 0))


def test_a_training_whose_worker_died_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(published_training, "run_in_processes", lambda work, jobs, workers: ((each, None) for each in jobs))
    with pytest.raises(RuntimeError, match="the process that trained exact gradient at power 2 died"):
        train_all(TINY, 0, workers=1)

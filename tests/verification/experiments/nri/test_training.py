"""Training: what follows from a seed, what a step changes, and that a tiny model learns."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache

import pytest
import torch

from gradverify.estimators.protocol import NoGradientPathError
from gradverify.verification.experiments.nri.dataset import Dataset, DataSpec, generate
from gradverify.verification.experiments.nri.training import Arm, Trained, Training, make_model, train

SPEC = DataSpec(particles=3, frames=15, train=6, valid=2, test=2)
TRAINING = Training(hidden=8, batch=3)
ARM = Arm(estimator="gumbel_softmax", steps=3)


@cache
def data() -> Dataset:
    return generate(SPEC)


def without_clocks(trained: Trained) -> Trained:
    return replace(trained, seconds=0.0)


@pytest.mark.parametrize("encoder", ["mlp", "cnn"])
@pytest.mark.parametrize("decoder", ["mlp", "rnn"])
def test_every_pair_of_networks_trains(encoder: str, decoder: str) -> None:
    arm = replace(ARM, encoder=encoder, decoder=decoder)  # type: ignore[arg-type]
    trained = train(arm, TRAINING, data(), 0)
    assert [each.step for each in trained.curve] == [0, 2, 3]
    assert [each.epoch for each in trained.curve] == [0, 1, 2]
    assert all(math.isfinite(each.scores.nll) for each in trained.curve)
    best = min(each.scores.nll for each in trained.curve)
    assert trained.curve[trained.best].scores.nll == best
    assert math.isfinite(trained.errors[0])


@pytest.mark.parametrize("estimator", ["gumbel_softmax", "leave_one_out", "moving_average_baseline"])
def test_a_model_follows_from_its_seed(estimator: str) -> None:
    arm = replace(ARM, estimator=estimator)
    first, again, other = (without_clocks(train(arm, TRAINING, data(), seed)) for seed in (0, 0, 1))
    assert first == again
    assert first != other


def test_training_leaves_the_global_random_state_alone() -> None:
    before = torch.random.get_rng_state()
    train(ARM, replace(TRAINING, dropout=0.2), data(), 0)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_estimators_start_from_the_same_weights_and_batches() -> None:
    first, second = (train(replace(ARM, estimator=name), TRAINING, data(), 0) for name in ("reinmax", "leave_one_out"))
    assert first.curve[0] == second.curve[0]
    assert first.curve[1] != second.curve[1]


def test_the_best_epoch_is_the_one_tested() -> None:
    """A rate that ruins the model leaves the untrained one as the best."""
    training = replace(TRAINING, horizon=1)
    ruined = train(ARM, replace(training, rate=1.0), data(), 0)
    assert ruined.best == 0
    untrained = train(replace(ARM, steps=1), replace(training, rate=0.0), data(), 0)
    assert ruined.test.nll == pytest.approx(untrained.test.nll, rel=1e-4)


def test_the_rate_is_halved() -> None:
    """Halved after every epoch, the second epoch ends elsewhere; the first does not."""
    often = train(replace(ARM, steps=4), replace(TRAINING, halve_every=1), data(), 0)
    never = train(replace(ARM, steps=4), TRAINING, data(), 0)
    assert often.curve[1] == never.curve[1]
    assert often.curve[2] != never.curve[2]


@pytest.mark.parametrize("estimator", ["gumbel_softmax", "reinmax", "leave_one_out", "moving_average_baseline"])
def test_a_model_that_diverges_is_said_to(estimator: str) -> None:
    """At the end of the epoch in which it did: no sampler stumbles over the NaN before."""
    with pytest.raises(FloatingPointError, match="training diverged"):
        train(replace(ARM, estimator=estimator, steps=20), replace(TRAINING, rate=1e20, batch=2), data(), 0)


def test_progress_counts_steps() -> None:
    told: list[int] = []
    train(ARM, TRAINING, data(), 0, progress=told.append)
    assert told == [2, 1]


def test_no_gradient_is_said_and_not_trained_through() -> None:
    with pytest.raises(NoGradientPathError, match="int64 output carries none"):
        train(replace(ARM, estimator="agent_torch_categorical"), TRAINING, data(), 0)


def test_the_tutorials_rule_loses_the_posterior_and_the_decoder_learns() -> None:
    """Forty steps at a high rate: the KL alone moves the encoder, to the uniform posterior, while the NLL falls."""
    training = replace(TRAINING, rate=2e-2)
    many = generate(replace(SPEC, frames=3, train=120))
    arm = replace(ARM, estimator="agent_torch_categorical_float", steps=40)
    trained = train(arm, training, many, 0)
    working = train(replace(arm, estimator="straight_through"), training, many, 0)
    assert trained.curve[-1].scores.kl < 0.02
    assert working.curve[-1].scores.kl > 0.02
    assert trained.curve[-1].scores.nll < 0.2 * trained.curve[0].scores.nll


def test_weights_are_as_specified() -> None:
    """Five per cent is more than eight standard errors of the least sure of the two: false-fail rate under 1e-15."""
    model = make_model(ARM, replace(TRAINING, hidden=256), 15, 0)
    first = model.encoder.nodes.first
    assert bool((first.bias == torch.tensor(0.1)).all())
    assert float(first.weight.detach().std()) == pytest.approx(math.sqrt(2 / (60 + 256)), rel=0.05)
    convolution = make_model(replace(ARM, encoder="cnn"), replace(TRAINING, hidden=256), 15, 0).encoder.second
    assert float(convolution.weight.detach().std()) == pytest.approx(math.sqrt(2 / (5 * 256)), rel=0.05)

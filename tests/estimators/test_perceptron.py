"""The small network: what it computes, and that training lowers its loss and touches nothing else."""

from __future__ import annotations

import pickle

import torch

from gradverify.estimators.perceptron import Perceptron, apply_weights, initial_weights, train


def test_computes_one_hidden_layer() -> None:
    network = Perceptron(hidden=((1.0, -2.0, 0.5), (0.0, 3.0, -1.0)), output=((2.0, -1.0, 0.25),))
    inputs = torch.tensor([[0.3, -0.7], [1.2, 0.4]], dtype=torch.float64)
    first = torch.tanh(inputs[:, 0] - 2 * inputs[:, 1] + 0.5)
    second = torch.tanh(3 * inputs[:, 1] - 1)
    torch.testing.assert_close(network(inputs), (2 * first - second + 0.25).unsqueeze(1))
    assert network(inputs.float()).dtype == torch.float32


def test_is_a_value() -> None:
    network = Perceptron.of(initial_weights(3, 2, 4, torch.Generator().manual_seed(0), torch.zeros(1)))
    copy = pickle.loads(pickle.dumps(network))
    assert copy == network
    assert hash(copy) == hash(network)


def test_starts_at_zero_and_learns() -> None:
    generator = torch.Generator().manual_seed(0)
    inputs = torch.linspace(-1, 1, 50, dtype=torch.float64).unsqueeze(1)
    target = inputs.pow(2) - 0.3 * inputs
    start = initial_weights(1, 1, 8, generator, inputs)
    assert apply_weights(start, inputs).abs().max() == 0
    held = tuple(each.clone() for each in start)
    end = train(start, lambda weights: (apply_weights(weights, inputs) - target).square().mean(), 300, 0.05)
    assert all(torch.equal(*pair) for pair in zip(start, held, strict=True))
    assert (Perceptron.of(end)(inputs) - target).square().mean() < 1e-3 * target.square().mean()

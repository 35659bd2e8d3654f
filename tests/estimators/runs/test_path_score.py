"""The score of a path against the derivative of its log-probability, term by term."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.distributions import Bernoulli, Categorical, Distribution

from gradverify.estimators.protocol import Sample, row_gradients, row_leaf
from gradverify.estimators.runs.path_score import path_score
from gradverify.estimators.runs.tape import Tape, recording

POINT = torch.tensor([0.3, -0.8, 1.1], dtype=torch.float64)
ROWS = 40


def program(params: Tensor, sample: Sample) -> Tensor:
    """A chain of a batch of bits, a site without parameters and a category."""
    bits = sample(Bernoulli(logits=torch.stack((params, 2 - params), -1)))
    fixed = sample(Bernoulli(torch.full((len(params),), 0.4, dtype=params.dtype)))
    index = sample(Categorical(logits=params * (bits.sum((1, 2)) + fixed).unsqueeze(1)))
    return bits.sum((1, 2)) + index


def recorded() -> tuple[Tensor, Tape, Tensor, Tensor]:
    """Leaf, tape, objective, and the gradients of the path's log-probability as `torch.distributions` has it."""
    leaf, tape = row_leaf(POINT, ROWS), Tape()
    record = recording(ROWS, torch.Generator().manual_seed(0), tape)
    terms: list[Tensor] = []

    def sample(distribution: Distribution) -> Tensor:
        value = record(distribution)
        terms.append(distribution.log_prob(value).reshape(ROWS, -1).sum(1))
        return value

    objective = program(leaf, sample)
    (expected,) = torch.autograd.grad(torch.stack(terms).sum(), leaf, retain_graph=True)
    return leaf, tape, objective, expected


def test_its_gradient_is_that_of_the_log_probability() -> None:
    leaf, tape, objective, expected = recorded()
    score = path_score(tape, objective)
    assert score.shape == (ROWS,)
    torch.testing.assert_close(row_gradients(score, leaf), expected)


def test_planted_missing_site_is_found() -> None:
    leaf, tape, objective, expected = recorded()
    assert not torch.allclose(row_gradients(path_score(Tape(tape.draws[:-1]), objective), leaf), expected)


def test_nothing_that_depends_on_the_parameters_scores_zero() -> None:
    _, tape, objective, _ = recorded()
    score = path_score(Tape(tape.draws[1:2]), objective)
    assert not score.requires_grad
    assert torch.equal(score, torch.zeros(ROWS, dtype=torch.float64))


def test_certain_outcomes_keep_their_derivative() -> None:
    """``d log p / dp = 1`` at p = 1, where a clamped logarithm has none."""
    leaf, tape = row_leaf(torch.tensor(1.0), 3), Tape()
    value = recording(3, torch.Generator(), tape)(Bernoulli(leaf))
    assert row_gradients(path_score(tape, value), leaf).tolist() == [1.0, 1.0, 1.0]

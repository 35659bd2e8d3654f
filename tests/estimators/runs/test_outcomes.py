"""The joint outcomes of independent sites against enumeration."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.distributions import Bernoulli, Categorical

from gradverify.estimators import NotApplicableError, Sample
from gradverify.estimators.enumeration import enumerate_paths
from gradverify.estimators.runs.outcomes import joint_outcomes

POINT = torch.tensor([0.3, -1.5, 1.2], dtype=torch.float64)


def program(params: Tensor, sample: Sample) -> Tensor:
    index = sample(Categorical(logits=params))
    bits = sample(Bernoulli(logits=params[:, :2]))
    return 3 + index * bits[:, 0] + (index - 2 * bits[:, 1]) ** 3 + params[:, 0] * index


def test_probabilities_and_outcomes_are_those_of_the_paths() -> None:
    outcomes = joint_outcomes("some rule", program, POINT, 100)
    paths = enumerate_paths(program, POINT)
    assert torch.equal(outcomes.index, paths.outcomes)
    torch.testing.assert_close(outcomes.probs, paths.weight)


def test_running_all_outcomes_gives_the_exact_gradient() -> None:
    outcomes = joint_outcomes("some rule", program, POINT, 100)
    paths = enumerate_paths(program, POINT)
    chosen = torch.arange(12).expand(3, -1)
    runs = outcomes.run(program, POINT, chosen)
    torch.testing.assert_close(runs.values, paths.objective.expand(3, -1))
    weight = outcomes.probs.expand(3, -1)
    rows = runs.gradient(weight * runs.values, weight)
    torch.testing.assert_close(rows, paths.gradient().expand(3, -1))


def test_impossible_outcomes_are_left_out() -> None:
    outcomes = joint_outcomes(
        "some rule", lambda rows, sample: sample(Categorical(probs=rows)), torch.tensor([0.0, 0.3, 0.7]), 9
    )
    assert outcomes.index.flatten().tolist() == [1, 2]


def test_too_many_outcomes_and_chains_are_refused_by_name() -> None:
    with pytest.raises(NotApplicableError, match="some rule: the sites have 12 joint outcomes, more than max_outcomes=11"):
        joint_outcomes("some rule", program, POINT, 11)
    with pytest.raises(NotApplicableError, match=r"some rule: .* depend on earlier outcomes"):
        joint_outcomes(
            "some rule", lambda rows, sample: sample(Bernoulli(0.5 * rows + 0.3 * sample(Bernoulli(rows)))), POINT[0], 9
        )

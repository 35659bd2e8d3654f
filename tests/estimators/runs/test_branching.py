"""The source of all outcomes: what it decides, what it asks for, and that its weights are probabilities."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from gradverify.estimators import NotApplicableError, Program
from gradverify.estimators.runs import branching
from gradverify.estimators.runs.branching import BranchSource, UndecidedError
from gradverify.estimators.runs.exact import enumerate_branches
from gradverify.estimators.runs.tape import choose

WEIGHTS = torch.tensor([[2.0, 0.0, 6.0]], dtype=torch.float64)


def asked(source: BranchSource, weights: Tensor) -> Tensor:
    """The probabilities that an undecided draw carries."""
    with pytest.raises(UndecidedError) as caught:
        source.category(weights)
    return caught.value.probabilities


def chosen(program: Program, params: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
    """An estimator that returns the column it drew in proportion to `WEIGHTS`."""
    return choose(WEIGHTS.expand(num_samples, -1), generator).to(params.dtype)


def test_an_undecided_draw_carries_normalised_probabilities() -> None:
    expected = torch.tensor([[[0.25, 0.0, 0.75]]], dtype=torch.float64)
    assert torch.equal(asked(BranchSource([], 1), WEIGHTS), expected)


def test_weights_of_zero_take_the_last_category() -> None:
    assert asked(BranchSource([], 1), torch.zeros(1, 3)).tolist() == [[[0.0, 0.0, 1.0]]]


def test_decided_draws_come_back_in_order_and_shape() -> None:
    first, second = torch.tensor([[0], [2]]), torch.tensor([[1, 0], [0, 1]])
    source = BranchSource([first, second], 2)
    assert source.category(torch.ones(2, 3)).tolist() == [0, 2]
    assert source.category(torch.ones(2, 2, 2)).tolist() == [[1, 0], [0, 1]]
    assert asked(source, torch.ones(2, 5)).shape == (2, 1, 5)


def test_several_rows_a_branch_are_its_elements() -> None:
    """Four rows of two branches: the first branch's rows come first."""
    probabilities = asked(BranchSource([], 2), torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [3.0, 1.0]]))
    assert probabilities.tolist() == [[[1.0, 0.0], [0.0, 1.0]], [[0.5, 0.5], [0.75, 0.25]]]
    with pytest.raises(NotApplicableError, match="3 elements for 2 branches; expected the same number for each"):
        BranchSource([], 2).category(torch.ones(3, 2))


def test_uniforms_are_the_middles_of_cells() -> None:
    """Edges in any order; those outside [0, 1] cut nothing, their cells have no probability."""
    edges = torch.tensor([[0.7, -0.5, 0.2, 1.4]], dtype=torch.float64)
    with pytest.raises(UndecidedError) as caught:
        BranchSource([], 1).uniform(edges)
    torch.testing.assert_close(caught.value.probabilities[0, 0], torch.tensor([0.0, 0.2, 0.5, 0.3, 0.0], dtype=torch.float64))
    middles = [float(BranchSource([torch.tensor([[cell]])], 1).uniform(edges)) for cell in (1, 2, 3)]
    assert middles == pytest.approx([0.1, 0.45, 0.85])


def test_branches_weigh_one() -> None:
    branches = enumerate_branches(chosen, lambda params, sample: params, torch.tensor(0.0, dtype=torch.float64))
    assert branches.rows.tolist() == [0.0, 2.0]
    assert branches.weight.tolist() == [0.25, 0.75]


def test_planted_weights_that_are_no_probabilities_are_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(branching, "_normalise", lambda weights: weights)
    branches = enumerate_branches(chosen, lambda params, sample: params, torch.tensor(0.0, dtype=torch.float64))
    assert float(branches.weight.sum()) == 8.0

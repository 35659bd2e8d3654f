"""Answers of foreign code: tensors in all that can hold them, rows stacked, distributions sampled."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.distributions import Bernoulli, Normal

from gradverify.estimators.adapters import ForeignError, SamplerConvention
from gradverify.estimators.adapters.answers import find_tensors, pick_tensor, sample_distribution, stack_answers

from .shapes import Output

ONE = torch.ones(2)

ANSWERS: list[tuple[Any, list[Any]]] = [
    (ONE, [None]),
    (np.ones(2), [None]),
    (3.0, [None]),
    ([1.0, 2.0], [None]),
    ((ONE, "a word", ONE), [0, 2]),
    ({"z": ONE, "log": "a word"}, ["z"]),
    (Output(0.0, ONE), ["loss", "sample"]),
    (None, []),
    ("a word", []),
    (np.array(["a word"]), []),
]


@pytest.mark.parametrize(("answer", "places"), ANSWERS)
def test_tensors_are_found_with_their_places(answer: Any, places: list[Any]) -> None:
    assert [place for place, _ in find_tensors(answer)] == places


def test_an_answer_without_its_tensor_breaks_the_convention() -> None:
    convention = SamplerConvention(item=1)
    assert pick_tensor((ONE, 2 * ONE), convention)[0] == 2
    with pytest.raises(ForeignError, match="it returned a tuple; expected a tensor, as when it was probed"):
        pick_tensor((ONE,), convention)


def test_answers_for_rows_are_stacked_and_must_have_one_shape() -> None:
    stacked = stack_answers([(ONE, 1.0), (2 * ONE, 2.0)])
    assert torch.equal(stacked[0], torch.stack((ONE, 2 * ONE)))
    assert stacked[1].tolist() == [1.0, 2.0]
    with pytest.raises(ForeignError, match="it returned different shapes for different rows"):
        stack_answers([ONE, torch.ones(3)])


class WithShape:
    """A distribution whose method demands a shape."""

    def sample(self, shape: torch.Size) -> Tensor:
        return torch.zeros(shape)


def test_distributions_are_sampled_and_the_rest_is_returned() -> None:
    assert sample_distribution(Normal(torch.zeros(2, requires_grad=True), 1.0)).requires_grad
    assert sample_distribution(Bernoulli(torch.ones(2))).tolist() == [1.0, 1.0]
    assert sample_distribution(WithShape()).shape == ()
    assert sample_distribution(ONE) is ONE

"""A program with one site as an objective of its value: its forms, its direct term, and the programs that are refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.distributions import Categorical

from gradverify.estimators import NotApplicableError, Sample
from gradverify.estimators.adapters import as_estimator
from gradverify.estimators.adapters.single_site import OwnGradient, SingleSite

from . import foreign
from .test_black_box import LOGITS, index_square, one_hot_cubic, seeded, three_bits


def two_sites(params: Tensor, sample: Sample) -> Tensor:
    return index_square(params, sample) + index_square(params, sample)


@pytest.mark.parametrize(
    ("target", "program", "said"),
    [
        (foreign.raw, two_sites, "this program has 2 sites"),
        (foreign.raw, three_bits, r"this program draws \(3,\) bits"),
        (foreign.arm, index_square, "it draws bits, but this program's site has categories"),
    ],
)
def test_a_program_that_it_cannot_serve_is_refused_with_the_reason(target: Any, program: Any, said: str) -> None:
    with pytest.raises(NotApplicableError, match=said):
        as_estimator(target, "mine")(program, LOGITS, 4, seeded())


def run(program: Any) -> SingleSite:
    return SingleSite.of(program, LOGITS, LOGITS.expand(5, -1).clone().requires_grad_())


def test_the_forms_of_one_value_have_one_objective() -> None:
    single = run(index_square)
    index = torch.tensor([0, 3, 1])
    one_hot = torch.nn.functional.one_hot(index, 4).double()
    expected = (index - 0.7) ** 2
    costs = single.make_objective("one-hot")(one_hot)
    torch.testing.assert_close(single.make_objective("index")(index), expected.double())
    torch.testing.assert_close(costs, expected.double())
    assert isinstance(single.make_objective("one-hot")(one_hot.numpy()), np.ndarray)
    torch.testing.assert_close(single.make_objective("one-hot", ballast=True)(one_hot), costs)
    torch.testing.assert_close(single.make_objective("one-hot")(one_hot.expand(2, 3, 4)), costs.expand(2, 3))


def test_the_parameters_of_the_site_are_probabilities_or_logits() -> None:
    single = run(index_square)
    torch.testing.assert_close(single.read_parameter("probs", bits=False)[0], LOGITS.softmax(-1))
    torch.testing.assert_close(single.read_parameter("logits", bits=False).softmax(-1)[0], LOGITS.softmax(-1))
    torch.testing.assert_close(run(three_bits).read_parameter("logits", bits=True)[0], LOGITS[:3])


def test_there_is_a_direct_term_only_if_the_parameters_enter_beside_the_site() -> None:
    assert not run(index_square).has_own_gradient
    assert run(one_hot_cubic).has_own_gradient
    assert run(one_hot_cubic).draw_direct_term(seeded()).requires_grad


@pytest.mark.parametrize(
    ("lead", "rows"), [((3,), [0, 1, 2]), ((2, 3), [0, 1, 2, 0, 1, 2]), ((3, 2), [0, 0, 1, 1, 2, 2]), ((3, 3), [0, 1, 2] * 3)]
)
def test_the_rows_of_values_are_told_by_the_last_dimension_of_their_number(lead: tuple[int, ...], rows: list[int]) -> None:
    own = OwnGradient(torch.arange(3.0).reshape(3, 1))
    assert own.expand(torch.Size(lead)).reshape(-1).tolist() == rows
    assert not own.unclear


def test_values_whose_rows_cannot_be_told_are_marked() -> None:
    own = OwnGradient.of(torch.zeros(2), 3)
    assert own.expand(torch.Size((6,))).shape == (6, 2)
    assert own.unclear
    alone = OwnGradient.of(torch.zeros(2), 1)
    assert alone.expand(torch.Size((4, 6))).shape == (24, 2)
    assert not alone.unclear


def test_several_categories_in_one_site_are_refused() -> None:
    def pair(params: Tensor, sample: Sample) -> Tensor:
        return sample(Categorical(logits=params.unsqueeze(1).expand(-1, 2, -1))).sum(-1)

    with pytest.raises(NotApplicableError, match=r"it draws one category per row, but this program's site has \(2,\) of them"):
        run(pair)

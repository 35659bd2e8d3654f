"""Calls of foreign code: one vector, one number or an array at a time, a copied state, and no change in place."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from gradverify.estimators import NoGradientPathError
from gradverify.estimators.adapters import ForeignError, SamplerConvention, as_estimator
from gradverify.estimators.adapters.calling import call_target
from gradverify.estimators.adapters.copying import copy_target

from ..intervals import QUANTILE, smallest_visible, z_scores
from . import foreign, shapes
from .test_black_box import LOGITS as FOUR
from .test_black_box import exact, index_square
from .test_sampler import LOGITS, P, bit_cubic, index_linear, one_hot_linear, seeded, true_mean_slope, two_bits

EXACT: list[tuple[Any, Any, Tensor, Tensor | float]] = [
    (shapes.vector_one_hot, one_hot_linear, LOGITS, true_mean_slope(LOGITS)),
    (shapes.vector_float_index, index_linear, LOGITS, true_mean_slope(LOGITS)),
    (shapes.VectorFunction, index_linear, LOGITS, true_mean_slope(LOGITS)),
    (shapes.one_bit, two_bits, P, 2.5),
    (shapes.one_bit, bit_cubic, P, 0.7 * 3 + 0.3 * 12),
    (shapes.noisy, one_hot_linear, LOGITS, true_mean_slope(LOGITS)),
    (shapes.array_gradient, index_square, FOUR, exact(index_square)),
]


@pytest.mark.parametrize(("target", "program", "params", "mean"), EXACT)
def test_its_mean_is_that_of_the_rule_that_it_writes_down(target: Any, program: Any, params: Tensor, mean: Tensor) -> None:
    """False-fail rate 9.6e-7 a coordinate; an error of two fifths would have been seen (most of the rules have no variance)."""
    count = 4000 if target is shapes.array_gradient else 500
    rows = as_estimator(target, "mine")(program, params, count, seeded())
    assert float(z_scores(rows, mean).max()) < QUANTILE
    assert float(smallest_visible(rows).max()) < 0.4 * float(torch.as_tensor(mean).abs().max())


@pytest.mark.parametrize("target", [shapes.vector_index, shapes.array_index])
def test_numbers_and_arrays_carry_no_gradient(target: Any) -> None:
    with pytest.raises(NoGradientPathError, match="site 0: its probs require a gradient"):
        as_estimator(target, "mine")(index_linear, LOGITS, 8, seeded())


def test_single_precision_comes_back_in_the_programs_type() -> None:
    assert as_estimator(shapes.single_only, "mine")(one_hot_linear, LOGITS, 8, seeded()).dtype == torch.float64


THETA = (("", "theta"),)


def test_a_number_at_a_time_comes_back_in_the_shape_of_the_batch() -> None:
    filled = {"theta": torch.arange(6.0).reshape(3, 2)}
    answer = call_target(lambda x: 2 * x, SamplerConvention(THETA, "probs", layout="numbers"), filled)
    assert torch.equal(answer[None], 2 * filled["theta"])


def test_constants_fill_the_roles_that_mean_one_thing() -> None:
    arguments = (*THETA, ("", "hard"), ("axis", "dim"))
    answer = call_target(lambda x, hard, axis: (hard, axis), SamplerConvention(arguments), {"theta": torch.ones(2)})
    assert answer == (True, -1)


def test_a_change_in_place_is_refused_and_does_not_reach_the_caller() -> None:
    filled = {"theta": torch.ones(2, 3)}
    with pytest.raises(ForeignError, match="it changed the probs that it was handed, in place; copy them first"):
        call_target(lambda x: x.mul_(2), SamplerConvention(THETA, "probs"), filled)
    assert torch.equal(filled["theta"], torch.ones(2, 3))


def test_an_object_is_copied_with_its_state_and_a_function_is_not() -> None:
    loss = foreign.MovingBaseline()
    assert copy_target(loss) is not loss
    assert copy_target(foreign.arm) is foreign.arm
    assert copy_target(foreign.MovingBaseline) is foreign.MovingBaseline

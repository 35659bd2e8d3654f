"""Foreign code in more shapes is found for what it is, and differentiated by its own rule."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from gradverify.estimators import NoGradientPathError, Sample
from gradverify.estimators.adapters import ForeignHints, TargetError, UnrecognisedTargetError, as_estimator, convention_of

from ..intervals import QUANTILE, smallest_visible, z_scores
from . import shapes
from .test_black_box import LOGITS as FOUR
from .test_black_box import exact, index_square
from .test_sampler import LOGITS, P, bit_cubic, index_linear, one_hot_linear, seeded, true_mean_slope, two_bits

VECTOR, NUMBER = {"layout": "vectors"}, {"layout": "numbers"}

FOUND: list[tuple[Any, dict[str, Any]]] = [
    (shapes.vector_one_hot, {**VECTOR, "takes": "probs", "returns": "one-hot"}),
    (shapes.vector_index, {**VECTOR, "takes": "probs", "returns": "index", "gradient_path": False}),
    (shapes.vector_float_index, {**VECTOR, "takes": "probs", "returns": "index", "gradient_path": True}),
    (shapes.first_dimension, {**VECTOR, "takes": "logits", "returns": "one-hot"}),
    (shapes.VectorFunction, {**VECTOR, "takes": "probs", "returns": "one-hot", "gradient_path": True}),
    (shapes.one_bit, {**NUMBER, "takes": "probs", "returns": "value", "sites": ("Bernoulli",)}),
    (shapes.python_bit, {**NUMBER, "takes": "probs", "returns": "value", "gradient_path": False}),
    (shapes.single_only, {"layout": "rows", "passed": "float32", "takes": "logits"}),
    (shapes.array_index, {"layout": "rows", "passed": "arrays", "returns": "index", "gradient_path": False}),
    (shapes.array_gradient, {"kind": "gradient", "passed": "arrays", "reduction": "rows"}),
    (shapes.mapping, {"item": "z", "takes": "logits", "gradient_path": True}),
    (shapes.named, {"item": 0, "takes": "logits"}),
    (shapes.with_fields, {"item": "sample", "takes": "logits"}),
    (shapes.hard_flag, {"relaxed": False, "temperature": 1.0}),
    (shapes.along, {"kind": "sampler", "takes": "logits"}),
    (shapes.several, {"kind": "sampler", "takes": "logits", "sites": ("Bernoulli", "Categorical", "OneHotCategorical")}),
    (shapes.Forward, {"takes": "logits", "returns": "one-hot"}),
    (shapes.Forward(), {"takes": "logits", "returns": "one-hot"}),
    (shapes.Configured(3), {"takes": "logits", "state": "none"}),
    (shapes.Layer(), {"takes": "logits", "state": "none"}),
    (shapes.called_loss, {"kind": "gradient", "takes": "logits"}),
    (shapes.of_log_probs, {"kind": "sampler", "takes": "logits"}),
    (shapes.noisy, {"takes": "probs", "state": "none"}),
    (shapes.Noisy, {"takes": "probs", "state": "none"}),
]


@pytest.mark.parametrize(("target", "expected"), FOUND, ids=[getattr(each[0], "__name__", "object") for each in FOUND])
def test_a_convention_is_found(target: Any, expected: dict[str, Any]) -> None:
    """The laws that are compared are 0.2 apart and measured to 0.06, at a fixed seed."""
    convention = convention_of(as_estimator(target, "mine"))
    found = {name: getattr(convention, name) for name in expected}
    if "sites" in expected and "kind" in expected:
        found["sites"] = found["sites"][:3]
    assert found == expected


def one_hot_square(params: Tensor, sample: Sample) -> Tensor:
    return one_hot_linear(params, sample) ** 2


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


@pytest.mark.parametrize("target", [shapes.noisy, shapes.Noisy, shapes.Noisy().__call__, shapes.array_gradient])
def test_a_generator_of_its_own_is_seeded_and_put_back(target: Any) -> None:
    """Else no seed repeats its rows, or every chunk draws the same."""
    program, params = (index_square, FOUR) if target is shapes.array_gradient else (one_hot_square, LOGITS)
    before = shapes.TORCH_NOISE.get_state(), shapes.NOISE.bit_generator.state
    estimator = as_estimator(target, "mine")
    first, again, other = (estimator(program, params, 64, seeded(each)) for each in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(shapes.TORCH_NOISE.get_state(), before[0])
    assert shapes.NOISE.bit_generator.state == before[1]


def unheard_of(*, width: int) -> Tensor:
    """Demands what nothing says."""
    raise AssertionError("it was called")


@pytest.mark.parametrize(
    ("target", "error", "said"),
    [
        (shapes.coroutine, TargetError, "is a coroutine or a generator; give a plain function"),
        (shapes.generator, TargetError, "is a coroutine or a generator; give a plain function"),
        (shapes.Configured, TargetError, r"'mine' is a class that demands width; .* or name an object of the class"),
        (unheard_of, UnrecognisedTargetError, r"it demands arguments with no known role \(width\)"),
        (shapes.silent, UnrecognisedTargetError, "cannot be read as a sample, a loss or a gradient"),
        (shapes.identity, UnrecognisedTargetError, "cannot be read as a sample, a loss or a gradient"),
    ],
)
def test_what_cannot_be_used_says_what_to_do(target: Any, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        as_estimator(target, "mine")


def test_a_batch_that_is_stated_is_one_replicate() -> None:
    """Mirror images are tied, and a louder row does not show it: only who wrote them knows."""
    assert convention_of(as_estimator(shapes.antithetic_batch, "mine")).group == 1
    stated = convention_of(as_estimator(shapes.antithetic_batch, "mine", ForeignHints(batch=4)))
    assert (stated.group, stated.evaluations) == (4, 4)

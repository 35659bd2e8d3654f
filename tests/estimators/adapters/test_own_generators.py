"""Generators that foreign code holds are found, seeded and restored."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from gradverify.estimators import Sample
from gradverify.estimators.adapters import as_estimator
from gradverify.estimators.adapters.own_generators import (
    find_generators,
    get_generator_state,
    seed_generator,
    set_generator_state,
)

from . import shapes
from .test_black_box import LOGITS as FOUR
from .test_black_box import index_square
from .test_sampler import LOGITS, one_hot_linear, seeded


def one_hot_square(params: Tensor, sample: Sample) -> Tensor:
    return one_hot_linear(params, sample) ** 2


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


DRAWS: list[tuple[Any, Any]] = [
    (torch.Generator(), lambda generator: torch.rand(1, generator=generator).item()),
    (np.random.default_rng(0), lambda generator: generator.random()),
    (np.random.RandomState(0), lambda generator: generator.random()),
    (random.Random(0), lambda generator: generator.random()),
]


@pytest.mark.parametrize(("generator", "draw"), DRAWS, ids=[type(generator).__name__ for generator, _ in DRAWS])
def test_every_kind_of_generator_is_seeded_and_restored(generator: Any, draw: Any) -> None:
    seed_generator(generator, 3)
    state = get_generator_state(generator)
    first = draw(generator)
    set_generator_state(generator, state)
    second = draw(generator)
    seed_generator(generator, 3)
    assert first == second == draw(generator)


def test_generators_are_found_in_fields_closures_and_modules() -> None:
    own = random.Random(1)
    assert find_generators(lambda: own.random()) == [own]
    assert find_generators(shapes.noisy) == [shapes.TORCH_NOISE]
    holder = shapes.Noisy()
    assert find_generators(holder) == [holder.generator]
    assert find_generators(torch.bernoulli) == []

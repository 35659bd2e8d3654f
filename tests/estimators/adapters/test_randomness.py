"""Global random state around foreign code: seeded from the generator, and put back whatever happens."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch

from gradverify.estimators.adapters import fork_randomness


def drawn(seed: int) -> tuple[float, float, float]:
    """One number from each of the global generators."""
    with fork_randomness(torch.Generator().manual_seed(seed)):
        return float(torch.rand(())), float(np.random.rand()), random.random()


def state() -> tuple[bytes, bytes, object]:
    return bytes(torch.random.get_rng_state().numpy()), np.random.get_state()[1].tobytes(), random.getstate()  # type: ignore[union-attr]


def test_the_same_generator_gives_the_same_numbers_and_another_one_others() -> None:
    assert drawn(1) == drawn(1)
    assert not set(drawn(1)) & set(drawn(2))


def with_a_fork() -> None:
    """Foreign code that seeds everything, and raises."""
    with fork_randomness(torch.Generator()):
        torch.manual_seed(3)
        np.random.seed(3)
        random.seed(3)
        raise ZeroDivisionError


def test_the_state_is_put_back_also_when_foreign_code_raises() -> None:
    before = state()
    with pytest.raises(ZeroDivisionError):
        with_a_fork()
    assert state() == before


def test_calls_of_one_generator_differ() -> None:
    generator = torch.Generator().manual_seed(1)
    numbers = []
    for _ in range(2):
        with fork_randomness(generator):
            numbers.append(float(torch.rand(())))
    assert numbers[0] != numbers[1]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_a_gpu_in_use_is_fork_randomness_and_seeded_too() -> None:
    torch.zeros(1, device="cuda")
    before = torch.cuda.get_rng_state()
    numbers = []
    for _ in range(2):
        with fork_randomness(torch.Generator().manual_seed(1)):
            numbers.append(float(torch.rand((), device="cuda")))
    assert numbers[0] == numbers[1]
    assert torch.equal(before, torch.cuda.get_rng_state())

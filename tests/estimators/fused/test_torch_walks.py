"""Walks in batched operations: what is particular to them; their laws are compared in `test_dispatch`."""

from __future__ import annotations

import pytest
import torch

from gradverify.estimators.fused import walks
from gradverify.estimators.fused.alternatives import ONE_SIDED, alternatives
from gradverify.estimators.fused.chain import read_chain

from .chains import CHAINS


def _ends(walk: str, name: str, dtype: torch.dtype, seed: int = 0) -> tuple[torch.Tensor, ...]:
    program, point = CHAINS[name]
    chain = read_chain(program, torch.tensor(point))
    assert chain is not None
    beside = alternatives(chain, ONE_SIDED, 4)
    return walks.run_walk("PyTorch", walk, chain, 5000, dtype, torch.Generator().manual_seed(seed), beside)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("walk", ["score", "averaged", "drawn", "paired"])
def test_states_are_numbers_and_weights_have_the_type(walk: str, dtype: torch.dtype) -> None:
    *states, weight = _ends(walk, "falling", dtype)
    assert len(states) == (2 if walk == "paired" else 1)
    assert all(each.shape == (5000,) and int(each.min()) >= 0 and int(each.max()) < 5 for each in states)
    assert weight.dtype == dtype
    assert bool((weight != 0).any())


def test_same_seed_same_rows() -> None:
    first, again, other = (_ends("paired", "ring", torch.float64, seed)[-1] for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_certain_outcomes_are_certain(dtype: torch.dtype) -> None:
    """The walk starts at zero, from where it always rises: after an odd number of steps it is at an odd state."""
    (states,) = _ends("forward", "walk", dtype)
    assert bool((states % 2 == 1).all())


def test_global_random_state_is_left_alone() -> None:
    before = torch.random.get_rng_state()
    _ends("drawn", "walk", torch.float32)
    assert torch.equal(before, torch.random.get_rng_state())

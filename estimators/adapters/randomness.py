"""Random state for foreign code: forked and seeded around it. No other module changes global state."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from .copying import copy_target
from .own_generators import find_generators, get_generator_state, seed_generator, set_generator_state

__all__ = ["copy_with_noise", "fork_randomness"]

_SEEDS = 2**32  # NumPy's and PyTorch's CPU generators use 32 bits of a seed


@contextmanager
def fork_randomness(generator: torch.Generator, target: Any = None) -> Iterator[None]:
    """Seed all random state from a generator while foreign code runs, and restore the state afterwards.

    This covers PyTorch's generators on the CPU and on every CUDA device in use, NumPy's and Python's global generators, and
    the generators that the code itself holds. Forward and backward passes must both run inside.

    Args:
        generator: The source of the seed, on any device.
        target: The foreign code.

    Example:
        >>> with fork_randomness(torch.Generator().manual_seed(0)):
        ...     first = torch.rand(1)
        >>> with fork_randomness(torch.Generator().manual_seed(0)):
        ...     bool(torch.rand(1) == first)
        True
    """
    seed = int(torch.randint(_SEEDS, (), generator=generator, device=generator.device))
    devices = list(range(torch.cuda.device_count())) if torch.cuda.is_initialized() else []
    numpy, python = np.random.get_state(), random.getstate()
    own = [(held, get_generator_state(held)) for held in find_generators(target)]
    with torch.random.fork_rng(devices=devices):
        # Not torch.manual_seed: it would also seed devices that are not in use yet, and the fork does not restore these.
        torch.default_generator.manual_seed(seed)
        if devices:
            torch.cuda.manual_seed_all(seed)
        np.random.seed(seed)
        random.seed(seed)
        for number, (held, _) in enumerate(own, 1):
            seed_generator(held, (seed + number) % _SEEDS)
        try:
            yield
        finally:
            np.random.set_state(numpy)
            random.setstate(python)
            for held, state in own:
                set_generator_state(held, state)


@contextmanager
def copy_with_noise(target: Any, generator: torch.Generator) -> Iterator[Any]:
    """Yield a copy of foreign code in its present state, inside `fork_randomness`; generators that it holds are seeded afresh.

    Args:
        target: The foreign code.
        generator: The source of the seeds.
    """
    fresh = copy_target(target)
    if fresh is target or not find_generators(fresh):
        yield fresh
        return
    with fork_randomness(generator, fresh):
        yield fresh

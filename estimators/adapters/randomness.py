"""Random state that foreign code draws from, forked and seeded around it: the only place where global state is touched."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from .own_generators import generator_state, own_generators, seed_generator, set_generator_state

__all__ = ["forked"]

_SEEDS = 2**32  # what NumPy's and PyTorch's CPU generators use of a seed


@contextmanager
def forked(generator: torch.Generator, target: Any = None) -> Iterator[None]:
    """Run foreign code, forward and backward, on random state seeded from the generator; put the state back after.

    PyTorch's generators of the CPU and of every CUDA device in use, NumPy's and Python's are covered, and the generators that
    the code keeps for itself.

    Args:
        generator: Source of the seed, on any device.
        target: The foreign code.

    Example:
        >>> with forked(torch.Generator().manual_seed(0)):
        ...     first = torch.rand(1)
        >>> with forked(torch.Generator().manual_seed(0)):
        ...     bool(torch.rand(1) == first)
        True
    """
    seed = int(torch.randint(_SEEDS, (), generator=generator, device=generator.device))
    devices = list(range(torch.cuda.device_count())) if torch.cuda.is_initialized() else []
    numpy, python = np.random.get_state(), random.getstate()
    own = [(each, generator_state(each)) for each in own_generators(target)]
    with torch.random.fork_rng(devices=devices):
        # Not torch.manual_seed: it would also seed devices that are not in use yet, which the fork does not put back.
        torch.default_generator.manual_seed(seed)
        if devices:
            torch.cuda.manual_seed_all(seed)
        np.random.seed(seed)
        random.seed(seed)
        for number, (each, _) in enumerate(own, 1):
            seed_generator(each, (seed + number) % _SEEDS)
        try:
            yield
        finally:
            np.random.set_state(numpy)
            random.setstate(python)
            for each, state in own:
                set_generator_state(each, state)

"""Global random state, forked and seeded around foreign code: the only place where it is touched."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

__all__ = ["forked"]

_SEEDS = 2**32  # what NumPy's and PyTorch's CPU generators use of a seed


@contextmanager
def forked(generator: torch.Generator) -> Iterator[None]:
    """Run foreign code, forward and backward, on global random state seeded from the generator; put the state back after.

    PyTorch's generators of the CPU and of every CUDA device in use, NumPy's and Python's are covered.

    Args:
        generator: Source of the seed, on any device.

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
    with torch.random.fork_rng(devices=devices):
        # Not torch.manual_seed: it would also seed devices that are not in use yet, which the fork does not put back.
        torch.default_generator.manual_seed(seed)
        if devices:
            torch.cuda.manual_seed_all(seed)
        np.random.seed(seed)
        random.seed(seed)
        try:
            yield
        finally:
            np.random.set_state(numpy)
            random.setstate(python)

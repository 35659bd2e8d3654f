"""Running walks: on the CPU with numba, over threads; on a GPU with Triton; without either in batched operations."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from . import torch_walks
from .alternatives import Alternatives
from .chain import Chain
from .tables import Tables, tables

__all__ = ["engine_for", "run_walk"]

_ROWS_PER_THREAD = 4096


def run_walk(
    engine: str,
    walk: str,
    chain: Chain,
    rows: int,
    dtype: torch.dtype,
    generator: torch.Generator,
    beside: Alternatives | None = None,
) -> tuple[Tensor, ...]:
    """Walk rows of a chain.

    Of the kernels of numba and Triton, row i depends on the generator's state and on i alone: not on how many rows or threads
    there are. Engines draw different rows.

    Args:
        engine: ``numba``, ``Triton`` or ``PyTorch``.
        walk: ``forward``, ``score``, ``averaged``, ``drawn`` or ``paired``; see `tables`.
        chain: The chain.
        rows: The number of rows.
        dtype: Floating type of the weights.
        generator: The source of the kernels' key, 64 bits; its device is where rows are walked.
        beside: The alternatives that ``averaged`` carries, and ``drawn``, which carries one.

    Returns:
        ``[rows]`` each: the number of the last state, for ``paired`` that of the alternative, and the weight if there is one;
        for ``averaged`` the weight of every slot, ``[rows, slots]``.
    """
    read = tables(walk, chain, np.float32 if dtype == torch.float32 else np.float64, beside)
    if engine == "PyTorch":
        return torch_walks.launch(walk, chain.steps, read, rows, dtype, generator)
    key = int(torch.randint(-(2**63), 2**63 - 1, (), generator=generator, device=generator.device))
    states = [torch.empty(rows, dtype=torch.int32, device=generator.device) for _ in range(1 + (walk == "paired"))]
    slots = (beside.slots,) if walk == "averaged" and beside is not None else ()
    weights = [] if walk == "forward" else [torch.empty(rows, *slots, dtype=dtype, device=generator.device)]
    launch = _on_cpu if engine == "numba" else _triton_kernels().launch
    launch(walk, chain.steps, key, read, (*states, *weights))
    return (*states, *weights)


@cache
def engine_for(device: str) -> str:
    """Return the fastest engine that is installed for a type of device."""
    try:
        _ = _numba_kernels() if device == "cpu" else _triton_kernels()
    except ImportError:  # not installed, or not made for this NumPy
        return "PyTorch"
    return "numba" if device == "cpu" else "Triton"


def _on_cpu(walk: str, steps: int, key: int, read: Tables, outputs: tuple[Tensor, ...]) -> None:
    """Walk contiguous parts of the rows, one a thread."""
    kernel, arrays = _numba_kernels().WALKS[walk], [each.numpy() for each in outputs]

    def part(first: int, last: int) -> None:
        own = (each[first:last].reshape(-1) for each in arrays)
        kernel(np.uint64(key % 2**64), first, steps, read.start, read.words, *read.further, read.base, *own)

    rows = len(arrays[0])
    threads = max(1, min(torch.get_num_threads(), rows // _ROWS_PER_THREAD))
    cuts = [rows * each // threads for each in range(threads + 1)]
    if threads == 1:
        part(0, rows)
        return
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(part, cuts[:-1], cuts[1:]))


def _numba_kernels() -> Any:
    from . import kernels

    return kernels


def _triton_kernels() -> Any:
    from . import triton_kernels

    return triton_kernels

"""Seeds that address chunks, so that every chunk of every cell can be drawn again, anywhere and alone."""

from __future__ import annotations

import hashlib
import json
import re

import numpy as np
import torch
from numpy.typing import NDArray

__all__ = ["chunk_generator", "directions", "stable_repr"]

_WORD = 2**32  # PyTorch's CPU generator uses the low 32 bits of a seed


def chunk_generator(
    seed: int, estimator: str, problem: str, dtype: str, stage: str, chunk: int, device: str = "cpu"
) -> torch.Generator:
    """Return the generator of one chunk.

    Its seed hashes names, never positions in a run, so that a subset of a run repeats its rows.

    Args:
        seed: The run's seed.
        estimator: The estimator with its hyper-parameters.
        problem: The problem's name.
        dtype: The floating type.
        stage: The purpose of the rows; stages never share rows.
        chunk: The number of the chunk within the stage.
        device: The device on which the rows are drawn.
    """
    return torch.Generator(device).manual_seed((_word([seed, estimator, problem, dtype, stage]) + chunk) % _WORD)


def directions(seed: int, problem: str, dimension: int, count: int = 3) -> NDArray[np.float64]:
    """Draw unit vectors ``[count, dimension]``, the same for every estimator on a problem; none in one dimension."""
    if dimension < 2:
        return np.zeros((0, dimension))
    vectors = np.random.default_rng(_word([seed, problem, "directions"])).normal(size=(count, dimension))
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


def stable_repr(thing: object) -> str:
    """Return the repr of an object without memory addresses, which differ from process to process.

    Example:
        >>> stable_repr(object())
        '<object object>'
    """
    return re.sub(r" at 0x[0-9a-fA-F]+", "", repr(thing))


def _word(address: list[object]) -> int:
    return int.from_bytes(hashlib.blake2s(json.dumps(address).encode()).digest()[:4], "big")

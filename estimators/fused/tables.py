"""The tables of a chain as kernels read them: a word holds the threshold of a state and the row of its outcomes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .alternatives import Alternatives, jump_rates
from .chain import Chain, Moves

__all__ = ["WALKS", "Tables", "tables"]

Table = NDArray[Any]
"""Numbers or words by row, or before that by state and outcome."""

Further = tuple[Table | np.uint64 | tuple[int, ...] | None, ...]
"""The tables that a walk reads beside the words."""


@dataclass(frozen=True, eq=False)
class Tables:
    """The tables of a walk, by row: each of a state's two outcomes has one, side by side.

    A word stands for a state. Its upper half is the threshold below which a uniform of 32 bits draws outcome 1; its lower half
    is the row of the state's outcome 0. One comparison and one addition thus find the row of a draw. Where one outcome alone is
    possible both rows are that outcome's, so what is impossible is never drawn; other probabilities are met within 2^-32.
    A chain whose steps differ has the rows of all its steps one behind another.

    Attributes:
        start: The word of the first state.
        words: The word of the state that the row's outcome leads to.
        further: The other tables that the walk reads.
        base: The first row of the words that the last step leads to.
    """

    start: np.uint64
    words: NDArray[np.uint64]
    further: Further
    base: np.uint64


@lru_cache(maxsize=64)
def tables(walk: str, chain: Chain, dtype: type[np.floating], beside: Alternatives | None = None) -> Tables:
    """Make the tables of a walk.

    Args:
        walk: One of `WALKS`.
        chain: The chain.
        dtype: Floating type of its weights.
        beside: The alternatives that ``averaged`` carries, and ``drawn``, which carries one.
    """
    size = 2 * len(chain.value)
    step = size if len(chain.moves) > 1 else 0
    heads = [_words(moves, k * step) for k, moves in enumerate(chain.moves)]
    base = step * len(chain.moves)
    after = [*heads[1:], np.arange(base, base + size, 2, dtype=np.uint64)] if step else heads
    drawn = _by_row(chain, [each[moves.successor] for each, moves in zip(after, chain.moves, strict=True)])
    other = _by_row(chain, [each[moves.successor[:, ::-1]] for each, moves in zip(after, chain.moves, strict=True)])
    words = np.concatenate((drawn, other)) if walk == "paired" else drawn
    return Tables(heads[0][chain.start], words, WALKS[walk](chain, dtype, beside), np.uint64(base))


def _forward(chain: Chain, dtype: type[np.floating], beside: Alternatives | None) -> Further:
    return ()


def _read_score(chain: Chain, dtype: type[np.floating], beside: Alternatives | None) -> Further:
    """Return no scale for what is carried, the slope of log P(outcome), and one slot."""
    possible = [np.where(moves.probability > 0, moves.probability, 1.0) for moves in chain.moves]
    slopes = [moves.slope / divisor for moves, divisor in zip(chain.moves, possible, strict=True)]
    return None, _by_row(chain, slopes).astype(dtype), (0,)


def _read_averaged(chain: Chain, dtype: type[np.floating], beside: Alternatives | None) -> Further:
    """Return the share of what is carried that moves from slot to slot, the rate of the fresh jump by slot, and the slots."""
    assert beside is not None
    moved, rate = (_by_row(chain, each).astype(dtype).reshape(-1) for each in (beside.transfer, beside.rate))
    return moved, rate, tuple(range(beside.slots))


def _read_drawn(chain: Chain, dtype: type[np.floating], beside: Alternatives | None) -> Further:
    """Return the threshold below which a carried weight survives, and the rate of the fresh jump."""
    assert beside is not None
    survival, rate = (_by_row(chain, each).reshape(-1) for each in (beside.transfer, beside.rate))
    # Nothing is below the least threshold, and every number of 32 bits in the upper half is below the greatest.
    always = np.uint64(2**64 - 1)
    return np.where(survival < 1, _thresholds(survival), always), rate.astype(dtype)


def _read_paired(chain: Chain, dtype: type[np.floating], beside: Alternatives | None) -> Further:
    """Return the rows before those of the other outcomes, and the rate of the fresh jump."""
    rate = _by_row(chain, [jump_rates(moves) for moves in chain.moves]).astype(dtype)
    return np.uint64(len(rate)), rate


WALKS: dict[str, Callable[[Chain, type[np.floating], Alternatives | None], Further]] = {
    "forward": _forward,
    "score": _read_score,
    "averaged": _read_averaged,
    "drawn": _read_drawn,
    "paired": _read_paired,
}
"""The walks that have kernels, and the tables that each reads beside the words."""


def _words(moves: Moves, first: int) -> NDArray[np.uint64]:
    """Return the word of every state; its rows are counted from `first`."""
    rows = np.arange(first, first + 2 * len(moves.slope), 2, dtype=np.uint64)
    return _thresholds(moves.probability[:, 1]) | rows


def _thresholds(probability: NDArray[np.float64]) -> NDArray[np.uint64]:
    """Return ``floor(p 2^32)``, one less for p = 1, in the upper half."""
    scaled = np.floor(np.nan_to_num(probability).clip(0, 1) * 2.0**32)
    return np.minimum(scaled, 2.0**32 - 1).astype(np.uint64) << np.uint64(32)


def _by_row(chain: Chain, columns: list[Table] | tuple[Table, ...]) -> Table:
    """Arrange by row a table ``[S, 2, ...]`` for each of the ``moves``; an impossible outcome gets the other's row."""
    outcomes = [np.where(moves.probability > 0, [0, 1], [1, 0]) for moves in chain.moves]
    states = np.arange(len(chain.value))[:, None]
    return np.concatenate(
        [each[states, outcome].reshape(-1, *each.shape[2:]) for each, outcome in zip(columns, outcomes, strict=True)]
    )

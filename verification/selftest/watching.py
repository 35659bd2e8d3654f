"""A cell's bias test on simulated rows, look by look, driven as a run drives it on an estimator's rows."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ..statistics.bias import BiasPlan, BiasTest
from ..statistics.channels import Channels
from ..statistics.moments import Moments

__all__ = ["Stream", "source_of", "watch_to_the_end"]

_LEAST, _MOST = 2**12, 2**17  # rows per draw: looks may be close to each other, and each draw has an overhead

Array = NDArray[np.float64]


class Stream:
    """The rows of one stage, drawn once; the moments at every look are kept, so that several tests can watch the same rows.

    Args:
        draw: A function that draws further rows of errors, ``[n, d]``.
        channels: The watched channels.
    """

    def __init__(self, draw: Callable[[int], Array], channels: Channels) -> None:
        self._draw = draw
        self._channels = channels
        self._moments = Moments.empty(len(channels.names))
        self._ahead = np.zeros((0, 0))
        self._used = 0
        self._seen: dict[int, Moments] = {}

    def upto(self, count: int) -> Moments:
        """Return the moments of the first `count` rows.

        Raises:
            ValueError: The stream has passed that count without stopping there.
        """
        if count in self._seen:
            return self._seen[count]
        if count < self._used:
            raise ValueError(f"{count} rows are asked for, but the stream has passed to {self._used} rows without a look there")
        while self._used < count:
            if not len(self._ahead):
                self._ahead = self._channels.project(self._draw(min(max(count - self._used, _LEAST), _MOST)))
            rows, self._ahead = np.split(self._ahead, [count - self._used])
            self._moments = self._moments.merge(Moments.from_rows(rows, first_row=self._used))
            self._used += len(rows)
        self._seen[count] = self._moments
        return self._moments


def watch_to_the_end(plan: BiasPlan, screen: Stream, confirm: Stream) -> BiasTest:
    """Look at every planned row count until the cell is decided.

    Args:
        plan: The cell's plan.
        screen: The rows of the first stage.
        confirm: Fresh rows, used if the first stage raises an alarm.

    Returns:
        The test, with its verdict.
    """
    test = BiasTest(plan)
    while test.verdict is None:
        stream = screen if test.stage == "screen" else confirm
        test.update(stream.upto(test.next_look))
    return test


def source_of(*address: object) -> np.random.Generator:
    """Return the random numbers at an address, which names their purpose; they are the same in every process."""
    return np.random.default_rng(int.from_bytes(hashlib.blake2s(json.dumps(address).encode()).digest()[:16], "big"))

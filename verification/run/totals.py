"""Sums over all rows of a cell, whatever they decided: moments, cost, histogram."""

from __future__ import annotations

import math

from ..drawing.tasks import ChunkResult, ChunkTask
from ..statistics.moments import Moments

__all__ = ["Totals"]


class Totals:
    """The rows of a cell so far.

    Attributes:
        rows: The moments of the rows, without what was subtracted from them.
        histogram: Bin edges and counts of every coordinate, of the first chunk.
        seconds: The seconds spent in the estimator.
        timed_rows: The rows drawn in these seconds.
    """

    def __init__(self, channels: int) -> None:
        self.rows = Moments.empty(channels)
        self.histogram: tuple[tuple[list[float], list[int]], ...] = ()
        self.seconds = 0.0
        self.timed_rows = 0

    def add_cost(self, task: ChunkTask, result: ChunkResult) -> None:
        """Enter a chunk's cost and histogram."""
        self.seconds += result.seconds
        self.timed_rows += task.rows
        self.histogram = self.histogram or result.histogram

    def add_rows(self, own: Moments) -> None:
        """Enter the moments of further rows; of a stage that watches more channels, the first ones."""
        self.rows = self.rows.merge(own.first(self.rows.mean.size))

    @property
    def seconds_a_row(self) -> float:
        """The seconds of one row; NaN before there was one."""
        return self.seconds / self.timed_rows if self.timed_rows else math.nan

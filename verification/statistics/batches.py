"""Sums of consecutive rows: all that the tests of a vector's norm, scale and angle need, in memory of order d."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["MOST_BATCHES", "Batches", "inner"]

Array = NDArray[np.float64]

MOST_BATCHES = 64
"""The batches that are kept; more rows make them larger, not more. Half as many is the least once there are 1,024 rows."""

LEAST_ROWS = 16
"""The rows of the smallest batch: the mean of 16 rows is nearer to normal than a row."""

MOST_PIECES = 128
"""The batches into which one part of a chunk is cut at most, if its rows are short."""

LARGEST_PIECES = 2**22
"""The numbers that the batches of one part of a chunk may hold together: 32 MB."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Batches:
    """Sums of consecutive independent rows of an error, and of the sampled reference that is part of it.

    Attributes:
        rows: The numbers of rows of the batches ``[k]``, all positive.
        errors: The sums of the error's rows ``[k, d]``.
        reference: The sums of the reference's own rows ``[k, d]``; None if the reference is exact.
    """

    rows: NDArray[np.int64]
    errors: Array
    reference: Array | None = None

    @classmethod
    def empty(cls, size: int, *, sampled: bool = False) -> Batches:
        """Return no batch of ``size`` coordinates."""
        nothing = np.zeros((0, size))
        return cls(rows=np.zeros(0, dtype=np.int64), errors=nothing, reference=nothing if sampled else None)

    @classmethod
    def from_rows(cls, errors: Array, reference: Array | None = None) -> Batches:
        """Cut rows into batches of 16, or of more if there are many rows.

        Args:
            errors: Rows of the error ``[n, d]``.
            reference: Rows of the sampled reference ``[n, d]``, which were subtracted; None if the reference is exact.

        Example:
            >>> Batches.from_rows(np.ones((40, 2))).rows
            array([16, 16,  8])
        """
        count, size = errors.shape
        most = max(8, min(MOST_PIECES, LARGEST_PIECES // max(size, 1)))
        starts = np.arange(0, count, max(LEAST_ROWS, -(-count // most)))
        if not count:
            return cls.empty(size, sampled=reference is not None)
        with np.errstate(invalid="ignore", over="ignore"):
            sums = np.add.reduceat(errors, starts, axis=0)
            others = None if reference is None else np.add.reduceat(reference, starts, axis=0)
        return cls(rows=np.diff(np.append(starts, count)), errors=sums, reference=others)

    @property
    def count(self) -> int:
        """The number of rows."""
        return int(self.rows.sum())

    def follow(self, further: Batches) -> Batches:
        """Return these batches and further ones, none of them joined."""
        reference = None
        if self.reference is not None and further.reference is not None:
            reference = np.concatenate([self.reference, further.reference])
        rows, errors = np.concatenate([self.rows, further.rows]), np.concatenate([self.errors, further.errors])
        return Batches(rows=rows, errors=errors, reference=reference)

    def extend(self, further: Batches) -> Batches:
        """Return these batches and further ones, joined to at most `MOST_BATCHES`.

        A batch holds the pieces that begin in its stretch of rows, whatever process summed them. So the result depends on the
        order of the rows alone.
        """
        every = self.follow(further)
        size, rows = LEAST_ROWS, every.rows
        while size * MOST_BATCHES < every.count:
            size *= 2
        begins = (np.cumsum(rows) - rows) // size
        starts = np.flatnonzero(np.diff(begins, prepend=-1))
        if not len(starts):
            return self
        reference = None if every.reference is None else np.add.reduceat(every.reference, starts, axis=0)
        errors = np.add.reduceat(every.errors, starts, axis=0)
        return Batches(rows=np.add.reduceat(rows, starts), errors=errors, reference=reference)


def inner(a: Array, b: Array) -> Array:
    """Return the inner products ``[k, l]`` of two sets of vectors ``[k, d]`` and ``[l, d]``.

    The sum avoids the linear-algebra library, whose order of addition depends on its number of threads.
    """
    return np.asarray(np.einsum("kd,ld->kl", a, b, optimize=False))

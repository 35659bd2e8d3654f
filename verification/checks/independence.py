"""Independence of the rows of a cell, watched chunk by chunk while they are drawn."""

from __future__ import annotations

from collections.abc import Sequence

from ..statistics.moments import Moments
from .conformance import Conformance
from .dependence import dispersion, largest_correlation, largest_dispersion, stale_seed

__all__ = ["IndependenceWatch"]


class IndependenceWatch:
    """What the chunks of one estimator have shown so far.

    Independent rows are refused with a probability of 1e-12 a coordinate, distance and chunk.
    """

    def __init__(self) -> None:
        self._digests: list[bytes] = []
        self._chunks: list[Moments] = []

    def compare(self, rows: int, digest: bytes, correlation: Sequence[float]) -> Conformance | None:
        """Return a finding if a chunk repeats an earlier one, or if its rows follow each other.

        Args:
            rows: The number of rows of the chunk.
            digest: The hash of its rows, see `dependence.digest`.
            correlation: The correlations of its rows, see `dependence.correlation`.
        """
        self._digests.append(digest)
        limit = largest_correlation(rows)
        worst = max((abs(value) for value in correlation), default=0.0)
        if stale_seed(self._digests):
            note = "chunks drawn from different seeds hold the same rows: it reseeds itself, or ignores the generator given"
            return Conformance("failed", "repeated rows", note)
        if worst > limit:
            note = f"rows of a chunk have correlation {worst:.3f} (limit {limit:.3f}); rows must be independent replicates"
            return Conformance("failed", "dependent rows", note)
        return None

    def spread(self, chunk: Moments) -> Conformance | None:
        """Return a finding if the chunks' means vary more than the variance of their rows lets expect.

        Args:
            chunk: The moments of the next chunk, all of its rows finite.
        """
        self._chunks.append(chunk)
        if len(self._chunks) < 2:
            return None
        found, limit = float(dispersion(self._chunks).max()), largest_dispersion(len(self._chunks))
        if found <= limit:
            return None
        note = (
            f"the means of {len(self._chunks)} chunks vary {found:.3g} times as much as those of independent rows "
            f"(limit {limit:.3g}): rows of a call share noise"
        )
        return Conformance("failed", "dependent rows", note)

"""Independence of the rows of one estimator, watched chunk by chunk while they are drawn."""

from __future__ import annotations

from collections.abc import Sequence

from ..statistics.moments import Moments
from .dependence import find_dependence, find_shared_noise
from .finding import Conformance

__all__ = ["IndependenceWatch"]


class IndependenceWatch:
    """A watch over the chunks of one estimator, in all stages."""

    def __init__(self) -> None:
        self._digests: dict[tuple[str, int], bytes] = {}
        self._chunks: list[Moments] = []

    def compare(self, stage: str, chunk: int, rows: int, digest: bytes, correlation: Sequence[float]) -> Conformance | None:
        """Return a finding if a chunk repeats an earlier one, or if its rows follow each other.

        Args:
            stage: The stage of the chunk.
            chunk: Its number within the stage; a chunk that is drawn again repeats itself.
            rows: The number of rows of the chunk.
            digest: The hash of its rows, see `dependence.digest`.
            correlation: The correlations of its rows, see `dependence.correlation`.
        """
        self._digests[stage, chunk] = digest
        return find_dependence([*self._digests.values()], correlation, rows)

    def spread(self, chunk: Moments) -> Conformance | None:
        """Return a finding if the chunks' means vary more than the variance of their rows lets expect.

        Args:
            chunk: The moments of the next chunk, all of its rows finite.
        """
        self._chunks.append(chunk)
        return find_shared_noise(self._chunks)

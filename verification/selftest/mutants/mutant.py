"""A planted bug: a wrong estimator beside the sound one, and where its error shows best."""

from __future__ import annotations

from dataclasses import dataclass

from ....estimators.protocol import Estimator

__all__ = ["Mutant"]


@dataclass(frozen=True, kw_only=True)
class Mutant:
    """One row of the kill matrix.

    Attributes:
        name: A few words, unique.
        estimator: The estimator with the bug.
        original: The same estimator without it.
        problem: Key of the problem on which the bug shows best, see `sensitive`.
        size: Its bias relative to the gradient's scale, in the coordinate or along the gradient, wherever that is larger. Zero
            where the mean is right and something else is wrong; None where no number describes it (NaN, no gradient).
        gap: Why no check can find it; empty where one should.
        fast: Part of the fast profile.
    """

    name: str
    estimator: Estimator
    original: Estimator
    problem: str
    size: float | None
    gap: str = ""
    fast: bool = False

    @property
    def mean_is_right(self) -> bool:
        """Whether no test of the mean can find it."""
        return self.size == 0

"""A planted bug: a wrong estimator beside the sound one, and where its error shows best."""

from __future__ import annotations

from dataclasses import dataclass

from ....estimators.protocol import Estimator

__all__ = ["Mutant"]


@dataclass(frozen=True, kw_only=True)
class Mutant:
    """One row of the kill matrix.

    Attributes:
        name: A unique name of a few words.
        estimator: The estimator with the bug.
        original: The estimator without the bug.
        problem: The key of the problem on which the bug shows best, see `sensitive`.
        size: The bias relative to the gradient's scale, in a coordinate or along the gradient, whichever is larger. It is zero
            if the mean is right and something else is wrong, and None if no number describes the bug (NaN, no gradient).
        gap: The reason why no check can find it; empty if one should.
        fast: True if it is part of the fast profile.
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
        """True if no test of the mean can find it."""
        return self.size == 0

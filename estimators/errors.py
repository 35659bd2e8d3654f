"""Errors that an estimator raises when it does not fit a program."""

from __future__ import annotations

from torch import Tensor
from torch.distributions import Distribution

__all__ = ["NoGradientPathError", "NotApplicableError", "UnsupportedSiteError"]


class NotApplicableError(ValueError):
    """An estimator does not apply to a program; it is raised before anything is sampled, with the reason."""


class UnsupportedSiteError(NotApplicableError):
    """A sampling site has a type or a shape that the estimator does not support."""


class NoGradientPathError(RuntimeError):
    """A site's probabilities require a gradient, but the value drawn from them carries none."""

    @classmethod
    def at(cls, number: int, distribution: Distribution, drawn: Tensor) -> NoGradientPathError:
        """Return the error for a site, given its number in the program and the value drawn from it."""
        return cls(
            f"site {number} ({type(distribution).__name__}): its probabilities require a gradient, its {drawn.dtype} "
            "output carries none"
        )

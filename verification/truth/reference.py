"""A reference: the gradient that estimators on a problem are held against, and what is known of its own error."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...estimators.protocol import Estimator

__all__ = ["Array", "ExactGradient", "Reference", "flatten"]

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ExactGradient:
    """A gradient that a program gives without sampling.

    Attributes:
        kind: Its name, for example ``exact (enumeration)``.
        gradient: The gradient ``[d]``.
        rarest: The probability of the rarest event that a sample must have seen before it is believed.
    """

    kind: str
    gradient: Array
    rarest: float


@dataclass(frozen=True, eq=False)
class Reference:
    """A gradient to compare with, exact or sampled.

    Attributes:
        kind: Its name: ``exact (given)``, ``exact (finite-state recursion)``, ``exact (enumeration)``, ``likelihood ratio`` or
            ``finite difference``.
        gradient: The gradient ``[d]``: exact, or a pilot's estimate from which scales and directions are taken.
        sampler: The estimator whose rows are subtracted, row by row, if the reference is itself sampled; else None.
        bias_bound: A bound on the reference's own bias ``[d]``.
        rarest: The probability of the rarest event that a sample must have seen.
        computed: The program's own exact gradient, if its author's gradient decides in its place.
        gate_known: True if no rarer event can matter: the program was enumerated, or its author says so.
        assumes: True if `bias_bound` rests on an assumption, so that the reference can refute a claim and never support one.
    """

    kind: str
    gradient: Array
    sampler: Estimator | None
    bias_bound: Array
    rarest: float
    computed: ExactGradient | None = None
    gate_known: bool = True
    assumes: bool = False

    @property
    def exact(self) -> bool:
        """True if the reference is a number and not a sample."""
        return self.sampler is None

    @property
    def supports(self) -> bool:
        """True if agreement with the reference supports a claim."""
        return not self.assumes

    def rows_from(self) -> Estimator:
        """Return the estimator that draws this reference's rows.

        Raises:
            ValueError: The reference is exact, so it has no rows.
        """
        if self.sampler is None:
            raise ValueError(f"the reference {self.kind!r} is exact; it draws no rows")
        return self.sampler


def flatten(gradient: Tensor) -> Array:
    """Return a gradient as a vector of doubles on the host."""
    return np.asarray(torch.as_tensor(gradient).detach().double().cpu().reshape(-1))

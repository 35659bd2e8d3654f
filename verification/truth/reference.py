"""A reference: the gradient that estimators on a problem are held against, and what is known of its own error."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...estimators.protocol import Estimator
from ..problems.problem import DetachedReading

__all__ = ["Array", "ExactGradient", "Reference", "flatten"]

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ExactGradient:
    """A gradient that a program gives without sampling.

    Attributes:
        kind: Its name, for example ``exact (enumeration)``.
        gradient: The gradient ``[d]``.
        rarest: The probability of the rarest event that a sample must have seen before it is believed.
        rarest_path: The part of `rarest` that is not one outcome of one site, but what paths carry.
        mean: The exact mean of the objective as a function of the point.
        cost: The cost of one mean, in runs of the program.
        roundings: The error that one relative rounding error of every operation leaves ``[d]``, in units of that error.
        floor: The least scale ``[d]`` of a gradient that is zero but for rounding; zeros for any other gradient.
    """

    kind: str
    gradient: Array
    rarest: float
    rarest_path: float
    mean: Callable[[Tensor], float]
    cost: float
    roundings: Array
    floor: Array


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
        rarest_path: The part of `rarest` that is not one outcome of one site, but what paths carry, or what the author says.
        given: The gradient that the author gave, if the computed one decides in its place.
        gate_known: True if no rarer event can matter: the program was enumerated, or its author says so.
        assumes: True if `bias_bound` rests on an assumption, so that the reference can refute a claim and never support one.
        roundings: The error that one relative rounding error of every operation leaves ``[d]``, in units of that error; zero if
            it is not known.
        floor: The least scale that tolerances are relative to ``[d]``, where the gradient is zero but for rounding.
        detaches: The places at which the program cuts values off from automatic differentiation.
        detached: How they are read, ``differentiate`` or ``hold``; None if the author has not said and it makes no difference.
        reading: A sentence that says how values cut off are read; empty if that makes no difference.
        question: A question to the author that must be answered before a verdict can rest on the reference; empty if none.
    """

    kind: str
    gradient: Array
    sampler: Estimator | None
    bias_bound: Array
    rarest: float
    rarest_path: float = 1.0
    given: Array | None = None
    gate_known: bool = True
    assumes: bool = False
    roundings: Array | float = 0.0
    floor: Array | float = 0.0
    detaches: tuple[str, ...] = ()
    detached: DetachedReading | None = None
    reading: str = ""
    question: str = ""

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

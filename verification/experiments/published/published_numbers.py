"""A number of the literature beside ours: published, exact, and measured."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import repeat

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ....estimators.protocol import Estimator, Program
from ...drawing.rows import draw_rows, moments_at_looks
from ...record.study import Statement
from ...seeds import chunk_generator, stable_repr
from ...statistics.moments import Moments
from ...statistics.variance import measurable, variance_interval

__all__ = ["Comparison", "inside_statement", "sampled_moments"]

FALSE_FAIL_RATE = 1e-3
"""The probability that the measured numbers of one statement fail together although every exact value is right."""

_CHUNK = 20_000
_ROUNDING = 1e-9


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """The variance of one replicate: published, exact, and measured.

    Attributes:
        name: A few words on what varies.
        size: The program's length or the parameter's value.
        exact: The variance by recursion, enumeration or closed form.
        moments: The moments of the sampled rows, one channel.
        published: The literature's standard deviation or variance, as its table says; None if it shows only curves.
    """

    name: str
    size: float
    exact: float
    moments: Moments
    published: float | None = None

    @property
    def believable(self) -> bool:
        """True if the rows have seen enough of the tail for their variance to be meaningful."""
        return float(self.moments.m2[0]) == 0 or measurable(self.moments, 0)

    def limits(self, confidence: float = 0.95) -> tuple[float, float]:
        """Return the interval of the measured variance."""
        return variance_interval(self.moments, confidence=confidence)

    def agrees(self, confidence: float) -> bool:
        """Return True if the exact variance lies in the measured interval; a zero must be met up to rounding."""
        low, high = self.limits(confidence)
        measured = float(self.moments.variance[0])
        return low <= self.exact <= high or math.isclose(measured, self.exact, rel_tol=_ROUNDING, abs_tol=_ROUNDING**2)


def sampled_moments(estimator: Estimator, program: Program, params: Tensor, *, name: str, samples: int, seed: int) -> Moments:
    """Return the moments of an estimator's rows for a scalar parameter, drawn in chunks that their names seed.

    Args:
        estimator: The estimator.
        program: The program.
        params: The parameter, a scalar.
        name: The name of the program at this point.
        samples: The number of rows.
        seed: The seed.
    """

    def draw(chunk: int, rows: int) -> list[NDArray[np.float64]]:
        generator = chunk_generator(seed, stable_repr(estimator), name, str(params.dtype), "published", chunk)
        return [draw_rows(estimator, program, params, rows, generator)]

    ((moments,),) = moments_at_looks(draw, repeat(_CHUNK), [samples])
    return moments


def inside_statement(claim: str, compared: Iterable[Comparison], unit: str) -> Statement:
    """State whether every exact value lies in its measured interval; numbers with an unseen tail are left out.

    Each interval has the coverage ``1 - 0.001 / N``. If the intervals keep their coverage, all N together fail by chance with
    a probability of at most 0.001.

    Args:
        claim: The claim, a sentence.
        compared: The numbers.
        unit: A plural noun for them.
    """
    every = tuple(compared)
    judged = tuple(each for each in every if each.believable)
    confidence = 1 - FALSE_FAIL_RATE / max(len(judged), 1)
    wrong = tuple(each for each in judged if not each.agrees(confidence))
    left = len(every) - len(judged)
    left_out = f"; {left} left out, because their tails were not seen often enough" if left else ""
    names = f": not {', '.join(f'{each.name} at {each.size:g}' for each in wrong)}" if wrong else ""
    return Statement(
        claim=claim,
        outcome="open" if not judged else ("fails" if wrong else "holds"),
        measured=f"{len(judged) - len(wrong)} of {len(judged)} {unit} inside their intervals{left_out}{names}",
        note=f"Joint false-fail rate {FALSE_FAIL_RATE:g}; the intervals allow for the rows' kurtosis.",
    )

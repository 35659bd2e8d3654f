"""One number of the literature beside ours: what was published, what is exact, and what was measured."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from torch import Tensor

from ....estimators.protocol import Estimator, Program
from ...record.study import Statement
from ...seeds import chunk_generator, stable_repr
from ...statistics.moments import Moments
from ...statistics.variance import measurable, variance_interval

__all__ = ["Comparison", "inside_statement", "sampled_moments"]

FALSE_FAIL_RATE = 1e-3
"""Of the measured numbers of one statement together, where every exact value is right."""

_CHUNK = 20_000
_ROUNDING = 1e-9


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """A variance of one replicate.

    Attributes:
        name: What it is of, a few words.
        size: The program's length or the parameter's value.
        exact: By recursion, enumeration or closed form.
        moments: Of the sampled rows, one channel.
        published: What the literature has, a standard deviation or a variance as its table says; None where it shows curves.
    """

    name: str
    size: float
    exact: float
    moments: Moments
    published: float | None = None

    @property
    def believable(self) -> bool:
        """Whether the rows have seen enough of the tail for their variance to mean anything."""
        return float(self.moments.m2[0]) == 0 or measurable(self.moments, 0)

    def limits(self, confidence: float = 0.95) -> tuple[float, float]:
        """The interval of the measured variance."""
        return variance_interval(self.moments, confidence=confidence)

    def agrees(self, confidence: float) -> bool:
        """Whether the exact variance lies in the measured one's interval; one that is zero has to be met to rounding."""
        low, high = self.limits(confidence)
        measured = float(self.moments.variance[0])
        return low <= self.exact <= high or math.isclose(measured, self.exact, rel_tol=_ROUNDING, abs_tol=_ROUNDING**2)


def sampled_moments(estimator: Estimator, program: Program, params: Tensor, *, name: str, samples: int, seed: int) -> Moments:
    """Moments of an estimator's rows for a scalar parameter, drawn in chunks that their names seed.

    Args:
        estimator: The estimator.
        program: The program.
        params: A scalar.
        name: Of the program at this point.
        samples: Number of rows.
        seed: Entropy.
    """
    moments = Moments.empty(1)
    for chunk, first in enumerate(range(0, samples, _CHUNK)):
        generator = chunk_generator(seed, stable_repr(estimator), name, str(params.dtype), "published", chunk)
        rows = estimator(program, params, min(_CHUNK, samples - first), generator)
        moments = moments.merge(Moments.from_rows(rows.reshape(-1, 1).double().numpy(), first_row=first))
    return moments


def inside_statement(claim: str, compared: Iterable[Comparison], unit: str) -> Statement:
    """Whether every exact value lies in its measured interval; numbers whose tail was not seen are left out and counted.

    Each interval has the coverage ``1 - 0.001 / N``, so that all N together fail by chance with probability 0.001 at most, as
    far as the intervals keep their coverage.

    Args:
        claim: What is claimed, a sentence.
        compared: The numbers.
        unit: What they are, plural.
    """
    every = tuple(compared)
    judged = tuple(each for each in every if each.believable)
    confidence = 1 - FALSE_FAIL_RATE / max(len(judged), 1)
    wrong = tuple(each for each in judged if not each.agrees(confidence))
    left_out = f"; {len(every) - len(judged)} left out, their tails not seen often enough" if len(judged) < len(every) else ""
    names = f": not {', '.join(f'{each.name} at {each.size:g}' for each in wrong)}" if wrong else ""
    return Statement(
        claim=claim,
        outcome="open" if not judged else ("fails" if wrong else "holds"),
        measured=f"{len(judged) - len(wrong)} of {len(judged)} {unit} inside their intervals{left_out}{names}",
        note=f"False-fail rate {FALSE_FAIL_RATE:g} over all of them together; the intervals respect the rows' kurtosis.",
    )

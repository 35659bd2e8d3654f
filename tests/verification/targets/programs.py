"""Problems by path: sound ones, and one for every way in which a problem can be unusable."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.distributions import Bernoulli, Normal

from gradverify.estimators import Sample
from gradverify.verification import Problem

__all__ = [
    "FAIR",
    "NOT_A_PROBLEM",
    "WRONG_EXACT",
    "batchwise",
    "continuous",
    "cubic",
    "improbable",
    "no_problem",
    "not_finite",
    "raising",
    "scalar",
    "several",
    "shapeless",
]


def scalar(value: float) -> Tensor:
    return torch.tensor(value, dtype=torch.float64)


def cubic(params: Tensor, sample: Sample) -> Tensor:
    """E (b + 1)^3 = 1 + 7 p."""
    return (sample(Bernoulli(params, validate_args=False)) + 1) ** 3


FAIR = Problem(name="fair", program=cubic, params=scalar(0.5), exact=scalar(7.0), chained=False)
WRONG_EXACT = Problem(name="wrong_exact", program=cubic, params=scalar(0.5), exact=scalar(7.7), chained=False)


def several() -> list[Problem]:
    """A factory of two."""
    return [Problem(name=f"several:{p:g}", program=cubic, params=scalar(p), chained=False) for p in (0.3, 0.6)]


def shapeless() -> Problem:
    """Its program returns one number for all rows."""
    return Problem(name="shapeless", program=lambda params, sample: cubic(params, sample).sum(), params=scalar(0.5))


def raising() -> Problem:
    """Its program raises."""

    def program(params: Tensor, sample: Sample) -> Tensor:
        raise ZeroDivisionError("no rows to spare")

    return Problem(name="raising", program=program, params=scalar(0.5))


def not_finite() -> Problem:
    """Its parameters hold NaN."""
    return Problem(name="not_finite", program=cubic, params=scalar(float("nan")))


def improbable() -> Problem:
    """It draws with probability 1.5."""
    return Problem(name="improbable", program=cubic, params=scalar(1.5))


def continuous() -> Problem:
    """It draws from a normal distribution."""
    return Problem(
        name="continuous",
        program=lambda params, sample: sample(Normal(params, 1.0)),
        params=scalar(0.5),
    )


def batchwise() -> Problem:
    """Its program runs on several rows, not on one."""

    def program(params: Tensor, sample: Sample) -> Tensor:
        if len(params) == 1:
            raise IndexError("one row")
        return cubic(params, sample)

    return Problem(name="batchwise", program=program, params=scalar(0.5))


def no_problem() -> Problem:
    """A factory that raises."""
    raise RuntimeError("no data")


NOT_A_PROBLEM = "a walk"

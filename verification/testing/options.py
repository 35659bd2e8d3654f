"""What may be said to a question about an estimator, by name: one list for assertions, judgements and the pytest fixture."""

from __future__ import annotations

from typing import Literal, TypedDict

from ...estimators.adapters import ForeignHints

__all__ = ["BiasOptions", "Options", "RatioOptions"]


class Options(TypedDict, total=False):
    """Of every question.

    Attributes:
        false_fail_rate: Probability of failing where the answer should be yes.
        profile: ``quick``, ``standard`` or ``thorough``: the rows at most.
        seed: Entropy.
        wanted: What foreign code takes and returns, where calling it does not say.
    """

    false_fail_rate: float
    profile: str
    seed: int
    wanted: ForeignHints | None


class BiasOptions(Options, total=False):
    """Of the question whether an estimator is unbiased.

    Attributes:
        tolerance: Bias that is accepted, relative to the gradient's size.
    """

    tolerance: float


class RatioOptions(Options, total=False):
    """Of the question whether an estimator's variance is above a baseline's.

    Attributes:
        margin: Excess that is allowed, relative.
        cost: ``evaluations``, or None to compare single replicates.
    """

    margin: float
    cost: Literal["evaluations"] | None

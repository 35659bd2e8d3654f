"""Foreign code as estimators: samplers, rules, distributions, surrogate losses and gradients, called as they are."""

from __future__ import annotations

import warnings

from .black_box import ForeignGradient, GradientConvention, LossConvention
from .convention import CONTRACT, AmbiguousTargetError, Convention, ForeignError, TargetError, UnrecognisedTargetError
from .hints import ForeignHints
from .probe import adapt, as_estimator, convention_of, find_convention
from .randomness import forked
from .relaxed_objective import RelaxedDifference
from .sampler import ForeignSampler, HandedSampleConvention, SamplerConvention
from .score_loss import ForeignScoreLoss, ScoreLossConvention

__all__ = [
    "CONTRACT",
    "AmbiguousTargetError",
    "Convention",
    "ForeignError",
    "ForeignGradient",
    "ForeignHints",
    "ForeignSampler",
    "ForeignScoreLoss",
    "GradientConvention",
    "HandedSampleConvention",
    "LossConvention",
    "RelaxedDifference",
    "SamplerConvention",
    "ScoreLossConvention",
    "TargetError",
    "UnrecognisedTargetError",
    "adapt",
    "as_estimator",
    "convention_of",
    "find_convention",
    "forked",
]


def __getattr__(name: str) -> type[ForeignHints]:
    if name != "Wanted":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    warnings.warn("gradverify.estimators.adapters.Wanted is now called ForeignHints", DeprecationWarning, stacklevel=2)
    return ForeignHints

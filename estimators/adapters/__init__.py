"""Estimators that call foreign code as it stands: samplers, rules, distributions, surrogate losses and gradients."""

from __future__ import annotations

import warnings
from typing import Any

from .black_box import ForeignGradient, GradientConvention, LossConvention
from .convention import CONTRACT, AmbiguousTargetError, Convention, ForeignError, TargetError, UnrecognisedTargetError
from .hints import ForeignHints
from .probe import adapt, as_estimator, convention_of, find_convention
from .randomness import fork_randomness
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
    "fork_randomness",
]


_RENAMED = {"Wanted": ("ForeignHints", ForeignHints), "forked": ("fork_randomness", fork_randomness)}


def __getattr__(name: str) -> Any:
    """Return a public object by its old name, with a warning."""
    if name not in _RENAMED:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    new, thing = _RENAMED[name]
    warnings.warn(f"{__name__}.{name} was renamed; use {new} instead", DeprecationWarning, stacklevel=2)
    return thing

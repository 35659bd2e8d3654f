"""Foreign code as estimators: samplers, rules, distributions, surrogate losses and gradients, called as they are."""

from .black_box import ForeignGradient, GradientConvention, LossConvention
from .convention import CONTRACT, AmbiguousTargetError, Convention, ForeignError, TargetError, UnrecognisedTargetError, Wanted
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
    "Wanted",
    "adapt",
    "as_estimator",
    "convention_of",
    "find_convention",
    "forked",
]

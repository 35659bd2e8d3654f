"""The reference of a cell whose foreign samples are relaxed, and are meant to be."""

from __future__ import annotations

from dataclasses import replace

import torch

from ...estimators.adapters import ForeignSampler, RelaxedDifference
from ...estimators.protocol import Estimator
from ..problems.problem import Problem
from ..statistics.channels import scales
from .reference import Reference

__all__ = ["RELAXED", "relaxed_reference"]

RELAXED = "finite difference of the relaxed objective"


def relaxed_reference(estimator: Estimator, problem: Problem, decides: Reference) -> Reference:
    """Return what decides a cell: the problem's reference, or the relaxed objective's if foreign code is held to that one.

    The relaxed objective's reference is fresh rows of `RelaxedDifference`. Its step is so small that its own bias is taken for
    a millionth of the gradient (a thousandth in single precision); sizes stay relative to the discrete gradient.

    Args:
        estimator: The cell's estimator.
        problem: The cell's problem.
        decides: The problem's own reference.
    """
    if not isinstance(estimator, ForeignSampler) or estimator.convention.objective == "discrete":
        return decides
    negligible = 1e-6 if problem.params.dtype == torch.float64 else 1e-3
    bound = negligible * scales(decides.gradient, problem.scale_floor)
    return replace(decides, kind=RELAXED, sampler=RelaxedDifference(estimator), bias_bound=bound, given=None, assumes=False)

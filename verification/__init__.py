"""Verification of gradient estimators: is it unbiased, how does its variance grow, what does it cost?

Importing this module is cheap; PyTorch is loaded when a name is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .api import verify
    from .problems.problem import Problem
    from .record.record import Record
    from .testing.assertions import assert_not_worse_than, assert_unbiased, assert_variance_at_most
    from .testing.gradient_check import GradientError, GradientUndecided, check_gradient
    from .training.step import TrainingStep

__all__ = [
    "GradientError",
    "GradientUndecided",
    "Problem",
    "Record",
    "TrainingStep",
    "assert_not_worse_than",
    "assert_unbiased",
    "assert_variance_at_most",
    "check_gradient",
    "verify",
]

_HOMES = {
    "GradientError": ".testing.gradient_check",
    "GradientUndecided": ".testing.gradient_check",
    "Problem": ".problems.problem",
    "Record": ".record.record",
    "TrainingStep": ".training.step",
    "assert_not_worse_than": ".testing.assertions",
    "assert_unbiased": ".testing.assertions",
    "assert_variance_at_most": ".testing.assertions",
    "check_gradient": ".testing.gradient_check",
    "verify": ".api",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(importlib.import_module(_HOMES[name], __name__), name)
    if name == "Problem":
        importlib.import_module(".testing.hypothesis_hook", __name__).register()
    return found


def __dir__() -> list[str]:
    return __all__

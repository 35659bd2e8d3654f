"""The former place of `gradverify.estimators.runs.exact`; this one goes with the next minor version."""

from __future__ import annotations

import warnings

from .runs.exact import Branches, enumerate_branches, exact_moments

__all__ = ["Branches", "enumerate_branches", "exact_moments"]

warnings.warn(
    "gradverify.estimators.exact has moved; import gradverify.estimators.runs.exact instead",
    DeprecationWarning,
    stacklevel=2,
)

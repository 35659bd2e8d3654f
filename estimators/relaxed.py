"""The former place of `gradverify.estimators.runs.relaxed`; this one goes with the next minor version."""

from __future__ import annotations

import warnings

from .runs.relaxed import Rule, differentiate, one_hot, with_rule

__all__ = ["Rule", "differentiate", "one_hot", "with_rule"]

warnings.warn(
    "gradverify.estimators.relaxed has moved; import gradverify.estimators.runs.relaxed instead",
    DeprecationWarning,
    stacklevel=2,
)

"""The former place of `gradverify.estimators.runs.relaxed`; this one goes with the next minor version."""

from __future__ import annotations

import warnings

from .runs.relaxed import *  # noqa: F403
from .runs.relaxed import __all__ as __all__

warnings.warn(
    "gradverify.estimators.relaxed has moved; import gradverify.estimators.runs.relaxed instead",
    DeprecationWarning,
    stacklevel=2,
)

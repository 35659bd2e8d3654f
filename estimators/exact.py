"""The former place of `gradverify.estimators.runs.exact`; this one goes with the next minor version."""

from __future__ import annotations

import warnings

from .runs.exact import *  # noqa: F403
from .runs.exact import __all__ as __all__

warnings.warn(
    "gradverify.estimators.exact has moved; import gradverify.estimators.runs.exact instead",
    DeprecationWarning,
    stacklevel=2,
)

"""The former place of `gradverify.estimators.runs.tape`; this one goes with the next minor version."""

from __future__ import annotations

import warnings

from .runs.tape import *  # noqa: F403
from .runs.tape import __all__ as __all__

warnings.warn(
    "gradverify.estimators.tape has moved; import gradverify.estimators.runs.tape instead",
    DeprecationWarning,
    stacklevel=2,
)

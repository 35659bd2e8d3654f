"""The former place of `gradverify.estimators.runs.tape`; this one goes with the next minor version."""

from __future__ import annotations

import warnings

from .runs.tape import Draw, Tape, accept, choose, draw, draw_coupled, forcing, own_value, recording, replaying, sampling

__all__ = [
    "Draw",
    "Tape",
    "accept",
    "choose",
    "draw",
    "draw_coupled",
    "forcing",
    "own_value",
    "recording",
    "replaying",
    "sampling",
]

warnings.warn(
    "gradverify.estimators.tape has moved; import gradverify.estimators.runs.tape instead",
    DeprecationWarning,
    stacklevel=2,
)

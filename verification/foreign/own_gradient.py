"""The objective's own gradient: the part of a problem's gradient that does not pass through its samples."""

from __future__ import annotations

from typing import Any

import torch

from ...estimators.protocol import evaluate, row_gradients, row_leaf
from ...estimators.runs.tape import Tape, recording
from ...estimators.sites import Site
from ..problems.problem import Problem

__all__ = ["explain_missing", "has_own_gradient"]

_ROWS = 64


def has_own_gradient(problem: Problem) -> bool:
    """Return True if a problem's objective depends on its parameters beside its samples."""
    tape: Tape[Site] = Tape()
    leaf = row_leaf(problem.params, _ROWS)
    generator = torch.Generator(problem.params.device).manual_seed(0)
    objective = evaluate(problem.program, leaf, recording(_ROWS, generator, tape))
    return bool(row_gradients(objective, leaf).any())


def explain_missing(convention: dict[str, Any]) -> str:
    """Return in words why a convention leaves the objective's own gradient out; empty if it does not."""
    own = "the objective has a gradient of its own beside the samples"
    if convention.get("objective_gradient") == "cut":
        return f"{own}, which --objective-gradient cut left out"
    if convention["kind"] == "surrogate loss" and not convention.get("carries", True):
        return f"{own}, which does not enter this loss; keep its graph in a term of the loss, as in log_prob * f.detach() + f"
    return ""

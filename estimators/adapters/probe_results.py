"""Readings of the result of foreign code that calls the objective: a loss or gradients, of rows or of a batch."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from .answers import find_tensors
from .black_box import GradientConvention, LossConvention, ObjectiveConvention
from .probe_objective import ProbeObjective
from .reading import PROBABILITIES

__all__ = ["read_result"]


def read_result(
    convention: GradientConvention, given: Any, filled: dict[str, Any], heard: ProbeObjective
) -> ObjectiveConvention | None:
    """Read a result as a loss or as gradients, of rows or of a batch.

    Args:
        convention: The convention of the call.
        given: The result.
        filled: The values that were passed, by role.
        heard: The objective that was called.

    Returns:
        The convention with the place and the reduction of the result; None if it is neither a loss nor gradients.
    """
    tensors = find_tensors(given)
    if not heard.rows or not all(bool(torch.isfinite(tensor.detach()).all()) for _, tensor in tensors):
        return None
    results = [_read_tensor(replace(convention, item=place), tensor, filled["theta"], heard) for place, tensor in tensors]
    possible = [result for result in results if result is not None]
    # A value that is returned for a log looks like a loss without a graph, and an entry per category may be a loss or not.
    sure = [result for result in possible if result.gradient_path and result.reduction != "entries"]
    return next(iter(sure or possible), None)


def _read_tensor(
    convention: GradientConvention, tensor: Tensor, theta: Tensor, heard: ProbeObjective
) -> ObjectiveConvention | None:
    """Read one tensor of a result as a loss or as gradients; return None if it is neither."""
    single = convention.layout == "single"
    many = convention.samples if single else len(theta)
    gradient = replace(convention, returns=heard.form, evaluations=max(round(heard.rows / many), 1))
    shape, path = tuple(tensor.shape), tensor.requires_grad
    if shape in (((), (1,)) if single else ((), (many,))):
        right = path and heard.last is not None and _is_value(tensor.detach(), heard.last)
        loss = LossConvention(**vars(gradient), right_value=right)
        return replace(loss, reduction="mean" if single or not shape else "rows", gradient_path=path)
    if path:
        # One entry per category or bit: a loss that is not summed, or gradients that are not detached.
        entries = (tuple(theta.shape), (many, len(PROBABILITIES)))
        return replace(LossConvention(**vars(gradient)), reduction="entries") if shape in entries else None
    if shape == (many, len(PROBABILITIES)):
        return gradient
    return replace(gradient, reduction="mean") if single and tensor.shape == theta.shape else None


def _is_value(loss: Tensor, objective: Tensor) -> bool:
    """Return True if a loss has the value of the objective."""
    expected = objective.mean() if loss.dim() == 0 else objective
    return loss.shape == expected.shape and bool(torch.allclose(loss.double(), expected.double(), rtol=1e-6, atol=1e-9))

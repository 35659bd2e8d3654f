"""The decision whether a result with one entry per category is a loss that is not summed, or gradients.

Both have the shape of the parameters, and both carry a graph. Many calls tell: the gradient of the probe's objective is known,
and it is the mean of the entries themselves, of the derivative of their sum, or of neither.
"""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import product

import torch
from torch import Tensor

from .answers import find_tensors
from .black_box import GradientConvention, ObjectiveConvention
from .convention import AmbiguousTargetError
from .probe_objective import ProbeObjective
from .reading import PROBABILITIES
from .trial import PROBE_ROWS, Trial

__all__ = ["expected_gradient", "is_unbiased", "settle_entries"]

_BATCHES, _SINGLES = 4, 2048  # calls with a batch, or with one point
_CLOSE = 5.0  # standard errors; a false answer once in some 10^6 probes
_SHARP = 0.75  # of the norm of the gradient: five standard errors must be less, or the mean says nothing


def settle_entries(trial: Trial, convention: ObjectiveConvention) -> ObjectiveConvention:
    """Return the convention of a loss whose entries are summed, or of gradients, whichever has the right mean.

    Raises:
        AmbiguousTargetError: Neither has, or both have.
    """
    values, slopes = _draw(trial, convention)
    fits_value, fits_slope = (_fits(rows, convention) for rows in (values, slopes))
    if fits_slope and not fits_value:
        return convention
    if fits_value and not fits_slope:
        shared = {name: value for name, value in vars(convention).items() if name != "right_value"}
        reduction = "mean" if convention.layout == "single" else "rows"
        return GradientConvention(**{**shared, "reduction": reduction})
    entry = "bit" if convention.returns == "value" else "category"
    raise AmbiguousTargetError(
        f"it returned one entry for each {entry}, with a graph, and its calls do not show whether these are a loss or "
        f"gradients: sum a loss of each {entry} over its last dimension, or detach gradients (parameters come as [rows, k], "
        "also for one bit)"
    )


def is_unbiased(trial: Trial, convention: ObjectiveConvention) -> bool:
    """Return True if the mean gradient of a loss agrees with the gradient of the probe's objective."""
    return _fits(_draw(trial, convention)[1], convention)


def expected_gradient(takes: str, *, bits: bool) -> Tensor:
    """Return the gradient of the probe's mean objective in probabilities or logits, ``[K]``.

    For categories it is defined up to a constant, which has no effect on probabilities that sum to one; its mean is zero.
    """
    p = torch.tensor(PROBABILITIES, dtype=torch.float64)
    if not bits:
        costs: Tensor = ProbeObjective()(torch.eye(len(p), dtype=torch.float64))
        slope = costs - p @ costs
        return p * slope if takes == "logits" else slope - slope.mean()
    outcomes = torch.tensor(list(product((0.0, 1.0), repeat=len(p))), dtype=torch.float64)
    heard: Tensor = ProbeObjective()(outcomes)
    chances = torch.where(outcomes > 0, p, 1 - p)
    slopes = (heard * chances.prod(1)) @ ((2 * outcomes - 1) / chances)
    return slopes * p * (1 - p) if takes == "logits" else slopes


def _draw(trial: Trial, convention: ObjectiveConvention) -> tuple[Tensor, Tensor]:
    """Return the entries of many calls, and the derivatives of each row's sum, ``[N, K]``; the latter may be missing."""
    bits, single = convention.returns == "value", convention.layout == "single"
    tried = replace(convention, samples=1) if single and "count" not in convention.roles else convention
    values, slopes = [], []
    for seed in range(_SINGLES if single else _BATCHES):
        filled = tried.fill(ProbeObjective(), bits=bits, rows=PROBE_ROWS)
        given = trial.attempt(tried, filled, seed)
        tensor = next((value for place, value in find_tensors(given) if place == convention.item), None)
        if tensor is None or not tensor.requires_grad:
            break
        values.append(tensor.detach().double().reshape(-1, tensor.shape[-1] if tensor.dim() else 1))
        try:
            (slope,) = torch.autograd.grad(tensor.sum(), filled["theta"], allow_unused=True)
        except RuntimeError:  # the graph was freed inside
            slope = None
        slopes += [] if slope is None else [slope.double().reshape(-1, len(PROBABILITIES))]
    return (torch.cat(values) if values else torch.zeros(0)), (torch.cat(slopes) if slopes else torch.zeros(0))


def _fits(rows: Tensor, convention: ObjectiveConvention) -> bool:
    """Return True if the mean of the rows is the gradient, and so sharp that little else could be."""
    expected = expected_gradient(convention.takes, bits=convention.returns == "value")
    if len(rows) < 2 or rows.shape[1:] != expected.shape:
        return False
    if convention.returns != "value" and convention.takes == "probs":
        rows = rows - rows.mean(1, keepdim=True)
    error = _CLOSE * rows.std(0) / math.sqrt(len(rows))
    off = (rows.mean(0) - expected).abs()
    return bool((off <= error + 1e-9 * expected.norm()).all()) and bool(error.norm() < _SHARP * expected.norm())

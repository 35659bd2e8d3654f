"""Probing of foreign code that calls the objective itself: with what it calls it, and what it gives back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor

from .answers import entries
from .black_box import GradientConvention, LossConvention, ObjectiveConvention
from .convention import AmbiguousTargetError, Argument
from .probe_batches import settled_batch, tied
from .probe_objective import ProbeObjective
from .reading import PROBABILITIES, readings
from .signature import named_takes
from .trial import FEW_ROWS, PROBE_ROWS, TEMPERATURE, Trial

__all__ = ["find_gradient"]

_VERY_FEW = 8
_NEAR = 0.08


def find_gradient(trial: Trial) -> ObjectiveConvention | None:
    """The convention of foreign code that is handed an objective.

    Raises:
        AmbiguousTargetError: Its samples do not say whether it takes probabilities or logits, and its names do not either; a
            scalar loss is neither a mean nor a sum; or there is a loss for each bit.
    """
    for arguments in trial.arguments_for("objective"):
        base = GradientConvention(arguments, passed=trial.passed)
        found = [each for takes in ("probs", "logits") for each in _called(trial, replace(base, takes=takes))]
        if found:
            return _grouped(trial, _settled_takes(trial, arguments, found))
    return None


def _called(trial: Trial, base: GradientConvention) -> Iterator[tuple[ObjectiveConvention, float]]:
    """Conventions under which a call works, with the distance of the objective's first samples from the law asked for."""
    if trial.hints.takes not in ("", base.takes):
        return
    for bits in (False, True) if base.takes == "logits" else (False,):
        least: tuple[bool, ...] = ()
        surest: list[tuple[ObjectiveConvention, float]] = []
        for convention in _layouts(base):
            # A few rows first: read in the wrong layout, a call may take the square of its rows in memory.
            if convention.layout == "rows" and _asked(trial, convention, bits, _VERY_FEW)[0] is None:
                continue
            answered, heard = _asked(trial, convention, bits, PROBE_ROWS)
            if answered is None or (base.takes == "logits" and bits != (heard.form == "value")):
                continue
            distances = [each.distance for each in readings(heard.first)] if heard.first is not None else []
            doubts = _doubts(trial, answered)
            if not surest or doubts < least:
                least, surest = doubts, [(answered, min(distances, default=1.0))]
            if not any(doubts):
                break
        yield from surest


def _doubts(trial: Trial, convention: ObjectiveConvention) -> tuple[bool, ...]:
    """What speaks against a layout, the gravest first: no gradient, gradients that are all zero, rows that are tied.

    Code for one point often runs on a batch too, and then takes the other rows for samples of its own; a baseline of other rows
    often runs on one point, and then takes its only sample off itself.
    """
    if not convention.gradient_path:
        return (True, True, True)
    one = convention.layout == "single" and convention.reduction == "mean"
    slopes = partial(_slopes, trial)
    silent = not bool(slopes(convention, FEW_ROWS, 1.0).any())
    return (False, silent, not one and tied(convention, slopes))


def _asked(
    trial: Trial, convention: GradientConvention, bits: bool, rows: int
) -> tuple[ObjectiveConvention | None, ProbeObjective]:
    """One call, understood, and what the objective heard meanwhile."""
    heard = ProbeObjective()
    filled = convention.filled(heard, bits=bits, rows=rows)
    return _understood(convention, trial.attempt(convention, filled), filled, heard), heard


def _layouts(base: GradientConvention) -> Iterator[GradientConvention]:
    base = replace(base, temperature=TEMPERATURE if "temperature" in base.roles else None)
    for detached in (True,) if base.passed == "arrays" else (False, True):
        # Estimators with a baseline from other samples need two; of one, some guard against zero and return nothing.
        yield replace(base, detached=detached, samples=2 if "count" in base.roles else 1)
        yield replace(base, detached=detached, layout="single", samples=PROBE_ROWS)


def _understood(
    convention: GradientConvention, given: Any, filled: dict[str, Any], heard: ProbeObjective
) -> ObjectiveConvention | None:
    """What an answer is: a loss or a gradient, a row or a batch; None where it is neither."""
    found = entries(given)
    if not heard.rows or not all(bool(torch.isfinite(each.detach()).all()) for _, each in found):
        return None
    read = [_read(replace(convention, item=place), each, filled["theta"], heard) for place, each in found]
    possible = [each for each in read if each is not None]
    # A value that is returned for the record looks like a loss without a graph.
    return next((each for each in possible if each.gradient_path), possible[0] if possible else None)


def _read(convention: GradientConvention, tensor: Tensor, theta: Tensor, heard: ProbeObjective) -> ObjectiveConvention | None:
    """What one tensor of an answer is."""
    single = convention.layout == "single"
    many = convention.samples if single else len(theta)
    evaluations = max(round(heard.rows / many), 1)
    settled = replace(convention, returns=heard.form, evaluations=evaluations)
    if not single and tuple(tensor.shape) in ((many,), ()):
        right = tensor.requires_grad and heard.last is not None and _is_value(tensor.detach(), heard.last)
        loss = LossConvention(**vars(settled), right_value=right)
        return replace(loss, reduction="rows" if tensor.dim() else "mean", gradient_path=tensor.requires_grad)
    if tensor.requires_grad:
        if tensor.shape == theta.shape and _is_score_loss(tensor, theta, convention.takes):
            raise AmbiguousTargetError(
                "it returned a loss for each bit, which is neither one for each row nor a gradient; sum the log-probabilities "
                "over their last dimension (parameters come as [rows, k], also for one bit)"
            )
        return None
    if tuple(tensor.shape) == (many, len(PROBABILITIES)):
        return settled
    return replace(settled, reduction="mean") if single and tensor.shape == theta.shape else None


def _is_score_loss(loss: Tensor, theta: Tensor, takes: str) -> bool:
    r"""Whether every element is :math:`c \log q`, with the probability q of a bit or of its complement.

    Handed over without a graph, such a loss would pass for a gradient. Whatever c is, :math:`L' \log q = L (\log q)'`.
    """
    try:
        (slope,) = torch.autograd.grad(loss.sum(), theta, allow_unused=True, retain_graph=True)
    except Exception:  # a foreign derivative, or a graph that was differentiated and freed inside
        return False
    if slope is None:
        return False
    p = theta.detach() if takes == "probs" else theta.detach().sigmoid()
    rate = torch.ones_like(p) if takes == "probs" else p * (1 - p)
    chances = ((p, rate), (1 - p, -rate))
    same = [torch.isclose(slope * q.log(), loss.detach() * change / q, rtol=1e-3, atol=0) for q, change in chances]
    return bool((same[0] | same[1]).all()) and bool(slope.all())


def _settled_takes(
    trial: Trial, arguments: tuple[Argument, ...], found: list[tuple[ObjectiveConvention, float]]
) -> ObjectiveConvention:
    if trial.hints.takes:
        return found[0][0]
    near = [convention for convention, distance in found if distance <= _NEAR]
    if len(near) == 1:
        return near[0]
    named = named_takes(trial.target, arguments)
    for convention, _ in found:
        if convention.takes == named:
            return convention
    raise AmbiguousTargetError(
        "it calls the objective itself, and the samples that it calls it with do not say whether it takes probabilities or "
        "logits; say --takes probs or --takes logits"
    )


def _grouped(trial: Trial, convention: ObjectiveConvention) -> ObjectiveConvention:
    """The convention with what a scalar loss sums up, and how many rows are one replicate."""
    if convention.is_loss and not convention.gradient_path:
        return convention
    if convention.layout == "single" and convention.reduction == "mean":
        return _one_call(trial, convention)
    return settled_batch(convention, partial(_slopes, trial), trial.hints.batch)


def _one_call(trial: Trial, convention: ObjectiveConvention) -> ObjectiveConvention:
    """One call is one gradient, of as few samples as make sense: two where their number is asked for."""
    tried = replace(convention, samples=2 if "count" in convention.roles else 1)
    heard = ProbeObjective()
    given = trial.attempt(tried, tried.filled(heard, bits=convention.returns == "value"))
    if any(bool(torch.isfinite(each).all()) and place == tried.item for place, each in entries(given)):
        return replace(tried, evaluations=max(heard.rows, 1))
    raise AmbiguousTargetError("it gave no finite gradient of two samples; give a function that fixes their number")


def _slopes(trial: Trial, convention: ObjectiveConvention, rows: int, loud: float) -> Tensor:
    """Gradients of one call, ``[rows, K]``."""
    tried = replace(convention, samples=rows) if convention.layout == "single" else convention
    filled = tried.filled(ProbeObjective(loud), bits=convention.returns == "value", rows=rows)
    given = trial.attempt(tried, filled)
    found = next((each for place, each in entries(given) if place == convention.item), torch.zeros(0))
    if not convention.is_loss or not found.requires_grad:
        return found.detach()
    (slope,) = torch.autograd.grad(found.sum(), filled["theta"], allow_unused=True)
    return torch.zeros(0) if slope is None else slope


def _is_value(loss: Tensor, objective: Tensor) -> bool:
    expected = objective.mean() if loss.dim() == 0 else objective
    return loss.shape == expected.shape and bool(torch.allclose(loss.double(), expected.double(), rtol=1e-6, atol=1e-9))

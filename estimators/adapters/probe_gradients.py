"""The probe of foreign code that calls the objective itself and returns a loss or gradients."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor

from .answers import find_tensors
from .black_box import GradientConvention, LossConvention, ObjectiveConvention
from .convention import AmbiguousTargetError, Argument
from .probe_batches import has_tied_rows, settle_batch
from .probe_objective import ProbeObjective
from .reading import PROBABILITIES, read_samples
from .signature import read_takes
from .trial import FEW_ROWS, PROBE_ROWS, TEMPERATURE, Trial

__all__ = ["find_gradient"]

_VERY_FEW = 8
_NEAR = 0.08


def find_gradient(trial: Trial) -> ObjectiveConvention | None:
    """Return the convention of foreign code that is handed an objective.

    Raises:
        AmbiguousTargetError: Neither its samples nor its names tell whether it takes probabilities or logits; a scalar loss is
            neither a mean nor a sum; or it returns a loss for each bit.
    """
    for arguments in (*trial.arguments_for("objective"), *trial.arguments_for("reward_objective")):
        base = GradientConvention(arguments, passed=trial.passed)
        matches = [match for takes in ("probs", "logits") for match in _match(trial, replace(base, takes=takes))]
        if matches:
            return _complete(trial, _settle_takes(trial, arguments, matches))
    return None


def _match(trial: Trial, base: GradientConvention) -> Iterator[tuple[ObjectiveConvention, float]]:
    """Yield the conventions under which a call works, with the distance of the first samples' law from the law asked for."""
    if trial.hints.takes not in ("", base.takes):
        return
    for bits in (False, True) if base.takes == "logits" else (False,):
        least: tuple[bool, ...] = ()
        best: list[tuple[ObjectiveConvention, float]] = []
        for convention in _list_layouts(base):
            # Try a few rows first: in the wrong layout, a call may need memory for the square of its rows.
            if convention.layout == "rows" and _call(trial, convention, bits, _VERY_FEW)[0] is None:
                continue
            answered, heard = _call(trial, convention, bits, PROBE_ROWS)
            if answered is None or (base.takes == "logits" and bits != (heard.form == "value")):
                continue
            distances = [reading.distance for reading in read_samples(heard.first)] if heard.first is not None else []
            doubts = _list_doubts(trial, answered)
            if not best or doubts < least:
                least, best = doubts, [(answered, min(distances, default=1.0))]
            if not any(doubts):
                break
        yield from best


def _list_doubts(trial: Trial, convention: ObjectiveConvention) -> tuple[bool, ...]:
    """Return the doubts about a layout, the gravest first: no gradient, only zero gradients, rows that depend on each other.

    Code for one point often also runs on a batch, and then mistakes the other rows for its own samples. Code with a baseline
    from other rows often also runs on one point, and then subtracts its only sample from itself.
    """
    if not convention.gradient_path:
        return (True, True, True)
    one = convention.layout == "single" and convention.reduction == "mean"
    slopes = partial(_take_slopes, trial)
    silent = not bool(slopes(convention, FEW_ROWS, 1.0).any())
    return (False, silent, not one and has_tied_rows(convention, slopes))


def _call(
    trial: Trial, convention: GradientConvention, bits: bool, rows: int
) -> tuple[ObjectiveConvention | None, ProbeObjective]:
    """Call the target once, and return the convention that fits the result and the objective that it called."""
    heard = ProbeObjective()
    filled = convention.fill(heard, bits=bits, rows=rows)
    return _read_result(convention, trial.attempt(convention, filled), filled, heard), heard


def _list_layouts(base: GradientConvention) -> Iterator[GradientConvention]:
    """Yield the layouts to try: a batch or a single point, with or without a graph."""
    base = replace(base, temperature=TEMPERATURE if "temperature" in base.roles else None)
    for detached in (True,) if base.passed == "arrays" else (False, True):
        # Estimators with a baseline from other samples need two samples; given one, some return zero.
        yield replace(base, detached=detached, samples=2 if "count" in base.roles else 1)
        yield replace(base, detached=detached, layout="single", samples=PROBE_ROWS)


def _read_result(
    convention: GradientConvention, given: Any, filled: dict[str, Any], heard: ProbeObjective
) -> ObjectiveConvention | None:
    """Read a result as a loss or as gradients, of rows or of a batch; return None if it is neither."""
    tensors = find_tensors(given)
    if not heard.rows or not all(bool(torch.isfinite(tensor.detach()).all()) for _, tensor in tensors):
        return None
    results = [_read_tensor(replace(convention, item=place), tensor, filled["theta"], heard) for place, tensor in tensors]
    possible = [result for result in results if result is not None]
    # A value that is returned for a log looks like a loss without a graph.
    return next((result for result in possible if result.gradient_path), possible[0] if possible else None)


def _read_tensor(
    convention: GradientConvention, tensor: Tensor, theta: Tensor, heard: ProbeObjective
) -> ObjectiveConvention | None:
    """Read one tensor of a result as a loss or as gradients; return None if it is neither."""
    single = convention.layout == "single"
    many = convention.samples if single else len(theta)
    evaluations = max(round(heard.rows / many), 1)
    gradient = replace(convention, returns=heard.form, evaluations=evaluations)
    if not single and tuple(tensor.shape) in ((many,), ()):
        right = tensor.requires_grad and heard.last is not None and _is_value(tensor.detach(), heard.last)
        loss = LossConvention(**vars(gradient), right_value=right)
        return replace(loss, reduction="rows" if tensor.dim() else "mean", gradient_path=tensor.requires_grad)
    if tensor.requires_grad:
        if tensor.shape == theta.shape and _is_score_loss(tensor, theta, convention.takes):
            raise AmbiguousTargetError(
                "it returned a loss for each bit; expected one loss for each row, or gradients: sum the log-probabilities "
                "over their last dimension (parameters come as [rows, k], also for one bit)"
            )
        return None
    if tuple(tensor.shape) == (many, len(PROBABILITIES)):
        return gradient
    return replace(gradient, reduction="mean") if single and tensor.shape == theta.shape else None


def _is_score_loss(loss: Tensor, theta: Tensor, takes: str) -> bool:
    r"""Return True if every element is :math:`c \log q`, where q is the probability of a bit or of its complement.

    Without its graph such a loss would look like a gradient. For every c, :math:`L' \log q = L (\log q)'`.
    """
    try:
        (slope,) = torch.autograd.grad(loss.sum(), theta, allow_unused=True, retain_graph=True)
    except Exception:  # the derivative is foreign code, or the graph was freed inside
        return False
    if slope is None:
        return False
    p = theta.detach() if takes == "probs" else theta.detach().sigmoid()
    rate = torch.ones_like(p) if takes == "probs" else p * (1 - p)
    chances = ((p, rate), (1 - p, -rate))
    same = [torch.isclose(slope * q.log(), loss.detach() * change / q, rtol=1e-3, atol=0) for q, change in chances]
    return bool((same[0] | same[1]).all()) and bool(slope.all())


def _settle_takes(
    trial: Trial, arguments: tuple[Argument, ...], matches: list[tuple[ObjectiveConvention, float]]
) -> ObjectiveConvention:
    """Choose between probabilities and logits by the hint, by the law of the samples, or by the argument's name."""
    if trial.hints.takes:
        return matches[0][0]
    near = [convention for convention, distance in matches if distance <= _NEAR]
    if len(near) == 1:
        return near[0]
    named = read_takes(trial.target, arguments)
    for convention, _ in matches:
        if convention.takes == named:
            return convention
    raise AmbiguousTargetError(
        "it calls the objective itself, and its samples do not show whether it takes probabilities or logits; "
        "say --takes probs or --takes logits"
    )


def _complete(trial: Trial, convention: ObjectiveConvention) -> ObjectiveConvention:
    """Return the convention with the reduction of a scalar loss and the number of rows or samples per replicate."""
    convention = replace(convention, objective_gradient=trial.hints.objective_gradient)
    if convention.is_loss:
        own_slopes = partial(_take_own_slopes, trial)
        convention = replace(convention, carries=bool(own_slopes(convention, FEW_ROWS, 1.0).any()))
        if not convention.gradient_path:
            return settle_batch(convention, own_slopes, trial.hints.batch) if convention.carries else convention
    if convention.layout == "single" and convention.reduction == "mean":
        return _fix_samples(trial, convention)
    return settle_batch(convention, partial(_take_slopes, trial), trial.hints.batch)


def _fix_samples(trial: Trial, convention: ObjectiveConvention) -> ObjectiveConvention:
    """Return the convention with as few samples per call as make sense: two if their number is an argument."""
    tried = replace(convention, samples=2 if "count" in convention.roles else 1)
    heard = ProbeObjective()
    given = trial.attempt(tried, tried.fill(heard, bits=convention.returns == "value"))
    if any(bool(torch.isfinite(tensor).all()) and place == tried.item for place, tensor in find_tensors(given)):
        return replace(tried, evaluations=max(heard.rows, 1))
    raise AmbiguousTargetError("it returned no finite gradient for two samples; give a function that fixes their number")


def _take_slopes(trial: Trial, convention: ObjectiveConvention, rows: int, loud: float) -> Tensor:
    """Return the gradients of one call, ``[rows, K]``."""
    tried = replace(convention, samples=rows) if convention.layout == "single" else convention
    filled = tried.fill(ProbeObjective(loud), bits=convention.returns == "value", rows=rows)
    given = trial.attempt(tried, filled)
    tensor = next((value for place, value in find_tensors(given) if place == convention.item), torch.zeros(0))
    if not convention.is_loss or not tensor.requires_grad:
        return tensor.detach()
    (slope,) = torch.autograd.grad(tensor.sum(), filled["theta"], allow_unused=True)
    return torch.zeros(0) if slope is None else slope


def _take_own_slopes(trial: Trial, convention: ObjectiveConvention, rows: int, loud: float) -> Tensor:
    """Return the derivatives of one call's loss in the objective's first results, one for each; nothing if it has none."""
    heard = ProbeObjective(loud, own=True)
    given = trial.attempt(convention, convention.fill(heard, bits=convention.returns == "value", rows=rows))
    loss = next((value for place, value in find_tensors(given) if place == convention.item), torch.zeros(0))
    if not heard.leaves or not loss.requires_grad:
        return torch.zeros(0)
    (slope,) = torch.autograd.grad(loss.sum(), heard.leaves[0], allow_unused=True)
    return torch.zeros(0) if slope is None else slope


def _is_value(loss: Tensor, objective: Tensor) -> bool:
    """Return True if a loss has the value of the objective."""
    expected = objective.mean() if loss.dim() == 0 else objective
    return loss.shape == expected.shape and bool(torch.allclose(loss.double(), expected.double(), rtol=1e-6, atol=1e-9))

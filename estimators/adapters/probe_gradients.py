"""Probing of foreign code that calls the objective itself: with what it calls it, and what it gives back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .answers import entries
from .convention import AmbiguousTargetError, Argument, Convention, Wanted
from .probe_batches import SMALL, settled_batch, tied
from .probe_samples import PROBE_ROWS, TEMPERATURE, attempt, feed, handed_sample
from .reading import EVERY, PROBABILITIES, TRIALS, readings
from .signature import named_takes

__all__ = ["filled_for", "find_gradient"]

_FEW = 8
_NEAR = 0.08


@dataclass(eq=False)
class _Objective:
    """An objective that remembers what it was called with: cubic in the value, so that no two categories are alike.

    Attributes:
        rows: Samples in all calls.
        first: The first call's samples, in two dimensions where they are vectors.
        form: What it was called with: ``one-hot``, ``index`` or ``value``; empty until it is called.
        loud: A factor on the first sample of each call.
        last: What it returned last.
    """

    loud: float = 1.0
    rows: int = 0
    first: Tensor | None = None
    form: str = ""
    last: Tensor | None = None

    def __call__(self, value: Any) -> Any:
        given = torch.as_tensor(value)
        vector = given.dim() > 0 and given.shape[-1] == len(PROBABILITIES)
        flat = given.reshape(-1, given.shape[-1]) if vector else given.reshape(-1)
        if self.first is None:
            self.first = flat.detach()
            self.form = _form(self.first)
        self.rows += len(flat)
        number = flat @ torch.arange(1, flat.shape[-1] + 1, dtype=flat.dtype) if vector else flat + 1
        number = number if number.is_floating_point() else number.double()
        factor = torch.ones_like(number, requires_grad=False)
        factor[:1] = self.loud
        lead = given.shape[:-1] if vector else given.shape
        found = (factor * (number - 0.4) ** 3).reshape(lead)
        self.last = found.detach()
        return found.detach().numpy() if isinstance(value, np.ndarray) else found


def find_gradient(
    target: Any, candidates: list[tuple[Argument, ...]], wanted: Wanted, errors: list[str], *, passed: str = "tensors"
) -> Convention | None:
    """The convention of foreign code that is handed an objective.

    Args:
        target: The foreign callable.
        candidates: Arguments to try.
        wanted: What its user states.
        errors: What calls raised is added here.
        passed: ``tensors``, ``float32`` or ``arrays``: what it is handed.

    Raises:
        AmbiguousTargetError: Its samples do not say whether it takes probabilities or logits, and its names do not either; a
            scalar loss is neither a mean nor a sum; or there is a loss for each bit.
    """
    for arguments in candidates:
        if "objective" not in [role for _, role in arguments]:
            continue
        base = Convention("gradient", arguments, passed=passed)
        found = [each for takes in ("probs", "logits") for each in _called(target, replace(base, takes=takes), wanted, errors)]
        if found:
            settled = _settled_takes(target, arguments, found, wanted)
            return _grouped(target, settled, wanted, errors)
    return None


def _called(target: Any, base: Convention, wanted: Wanted, errors: list[str]) -> Iterator[tuple[Convention, float]]:
    """Conventions under which a call works, with the distance of the objective's first samples from the law asked for."""
    if wanted.takes not in ("", base.takes):
        return
    for bits in (False, True) if base.takes == "logits" else (False,):
        least: tuple[bool, ...] = ()
        surest: list[tuple[Convention, float]] = []
        for convention in _layouts(base):
            # A few rows first: read in the wrong layout, a call may take the square of its rows in memory.
            if convention.layout == "rows" and _asked(target, convention, bits, _FEW, errors)[0] is None:
                continue
            answered, heard = _asked(target, convention, bits, PROBE_ROWS, errors)
            if answered is None or (base.takes == "logits" and bits != (heard.form == "value")):
                continue
            distances = [each.distance for each in readings(heard.first)] if heard.first is not None else []
            doubts = _doubts(target, answered, errors)
            if not surest or doubts < least:
                least, surest = doubts, [(answered, min(distances, default=1.0))]
            if not any(doubts):
                break
        yield from surest


def _doubts(target: Any, convention: Convention, errors: list[str]) -> tuple[bool, ...]:
    """What speaks against a layout, the gravest first: no gradient, gradients that are all zero, rows that are tied.

    Code for one point often runs on a batch too, and then takes the other rows for samples of its own; a baseline of other rows
    often runs on one point, and then takes its only sample off itself.
    """
    if not convention.gradient_path:
        return (True, True, True)
    one = convention.layout == "single" and convention.reduction == "mean"
    slopes = partial(_slopes, target, errors)
    silent = not bool(slopes(convention, SMALL, 1.0).any())
    return (False, silent, not one and tied(convention, slopes))


def _asked(
    target: Any, convention: Convention, bits: bool, rows: int, errors: list[str]
) -> tuple[Convention | None, _Objective]:
    """One call, understood, and what the objective heard meanwhile."""
    heard = _Objective()
    filled = _filled(convention, heard, bits=bits, rows=rows)
    return _understood(convention, attempt(target, convention, filled, errors), filled, heard), heard


def _layouts(base: Convention) -> Iterator[Convention]:
    base = replace(base, temperature=TEMPERATURE if "temperature" in base.roles else None)
    for detached in (True,) if base.passed == "arrays" else (False, True):
        # Estimators with a baseline from other samples need two; of one, some guard against zero and return nothing.
        yield replace(base, detached=detached, samples=2 if "count" in base.roles else 1)
        yield replace(base, detached=detached, layout="single", samples=PROBE_ROWS)


def _filled(convention: Convention, objective: _Objective, *, bits: bool, rows: int = PROBE_ROWS) -> dict[str, Any]:
    theta = feed(convention.takes, bits=bits, rows=1 if convention.layout == "single" else rows)
    theta = theta[0].detach().requires_grad_() if convention.layout == "single" else theta
    return {"theta": theta, "objective": objective, "count": convention.samples}


def filled_for(convention: Convention) -> dict[str, Any]:
    """Everything that a convention may ask for in one call: the probing law, samples of it, a cubic objective."""
    bits = convention.returns == "value" and convention.sites == ("Bernoulli",)
    one_by_one = convention.layout in ("vectors", "numbers")
    filled = _filled(convention, _Objective(), bits=bits, rows=SMALL if one_by_one else PROBE_ROWS)
    heat = None if convention.temperature is None else torch.tensor(convention.temperature, dtype=torch.float64)
    if convention.kind == "sampler":
        filled["count"] = torch.full_like(filled["theta"], TRIALS) if convention.sites == ("Binomial",) else 1
    return {**filled, "temperature": heat, "sample": handed_sample(convention.handed or "one-hot")}


def _understood(convention: Convention, given: Any, filled: dict[str, Any], heard: _Objective) -> Convention | None:
    """What an answer is: a loss or a gradient, a row or a batch; None where it is neither."""
    found = entries(given)
    if not heard.rows or not all(bool(torch.isfinite(each.detach()).all()) for _, each in found):
        return None
    read = [_read(replace(convention, item=place), each, filled["theta"], heard) for place, each in found]
    possible = [each for each in read if each is not None]
    # A value that is returned for the record looks like a loss without a graph.
    return next((each for each in possible if each.gradient_path), possible[0] if possible else None)


def _read(convention: Convention, tensor: Tensor, theta: Tensor, heard: _Objective) -> Convention | None:
    """What one tensor of an answer is."""
    single = convention.layout == "single"
    many = convention.samples if single else len(theta)
    evaluations = max(round(heard.rows / many), 1)
    settled = replace(convention, returns=heard.form, sites=_SITES[heard.form], evaluations=evaluations)
    if not single and tuple(tensor.shape) in ((many,), ()):
        right = tensor.requires_grad and heard.last is not None and _is_value(tensor.detach(), heard.last)
        settled = replace(settled, kind="surrogate loss", reduction="rows" if tensor.dim() else "mean")
        return replace(settled, gradient_path=tensor.requires_grad, right_value=right)
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
    target: Any, arguments: tuple[Argument, ...], found: list[tuple[Convention, float]], wanted: Wanted
) -> Convention:
    if wanted.takes:
        return found[0][0]
    near = [convention for convention, distance in found if distance <= _NEAR]
    if len(near) == 1:
        return near[0]
    named = named_takes(target, arguments)
    for convention, _ in found:
        if convention.takes == named:
            return convention
    raise AmbiguousTargetError(
        "it calls the objective itself, and the samples that it calls it with do not say whether it takes probabilities or "
        "logits; say --takes probs or --takes logits"
    )


def _grouped(target: Any, convention: Convention, wanted: Wanted, errors: list[str]) -> Convention:
    """The convention with what a scalar loss sums up, and how many rows are one replicate."""
    if convention.kind == "surrogate loss" and not convention.gradient_path:
        return convention
    if convention.layout == "single" and convention.reduction == "mean":
        return _one_call(target, convention, errors)
    return settled_batch(convention, partial(_slopes, target, errors), wanted.batch)


def _one_call(target: Any, convention: Convention, errors: list[str]) -> Convention:
    """One call is one gradient, of as few samples as make sense: two where their number is asked for."""
    tried = replace(convention, samples=2 if "count" in convention.roles else 1)
    heard = _Objective()
    given = attempt(target, tried, _filled(tried, heard, bits=convention.returns == "value"), errors)
    if any(bool(torch.isfinite(each).all()) and place == tried.item for place, each in entries(given)):
        return replace(tried, evaluations=max(heard.rows, 1))
    raise AmbiguousTargetError("it gave no finite gradient of two samples; give a function that fixes their number")


def _slopes(target: Any, errors: list[str], convention: Convention, rows: int, loud: float) -> Tensor:
    """Gradients of one call, ``[rows, K]``."""
    tried = replace(convention, samples=rows) if convention.layout == "single" else convention
    filled = _filled(tried, _Objective(loud), bits=convention.returns == "value", rows=rows)
    given = attempt(target, tried, filled, errors)
    found = next((each for place, each in entries(given) if place == convention.item), torch.zeros(0))
    if convention.kind != "surrogate loss" or not found.requires_grad:
        return found.detach()
    (slope,) = torch.autograd.grad(found.sum(), filled["theta"], allow_unused=True)
    return torch.zeros(0) if slope is None else slope


def _form(flat: Tensor) -> str:
    if flat.dim() == 1:
        return "index"
    simplex = bool(((flat.double().sum(-1) - 1).abs() < 1e-4).all()) and bool((flat > -1e-4).all())
    return "one-hot" if simplex else "value"


def _is_value(loss: Tensor, objective: Tensor) -> bool:
    expected = objective.mean() if loss.dim() == 0 else objective
    return loss.shape == expected.shape and bool(torch.allclose(loss.double(), expected.double(), rtol=1e-6, atol=1e-9))


_SITES = {
    "one-hot": EVERY,
    "index": EVERY,
    "value": ("Bernoulli",),
}

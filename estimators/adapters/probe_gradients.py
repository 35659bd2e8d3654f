"""The probe of foreign code that calls the objective itself and returns a loss or gradients."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor

from .answers import find_tensors
from .black_box import GradientConvention, ObjectiveConvention
from .convention import AmbiguousTargetError, Argument
from .probe_batches import has_tied_rows, settle_batch
from .probe_objective import ProbeObjective, read_form
from .probe_results import read_result
from .probe_unreduced import is_unbiased, settle_entries
from .reading import read_samples
from .signature import read_takes
from .trial import FEW_ROWS, PROBE_ROWS, RAISED, TEMPERATURE, Trial

__all__ = ["find_gradient"]

_VERY_FEW = 8
_NEAR = 0.08
_FEW_SAMPLES, _CALLS = 256, 512  # code for one point may call the objective with one sample per call, which shows little

Match = tuple[ObjectiveConvention, float]
"""A convention under which a call works, and the distance of its samples' law from the law asked for."""


def find_gradient(trial: Trial) -> ObjectiveConvention | None:
    """Return the convention of foreign code that is handed an objective.

    Raises:
        AmbiguousTargetError: Neither its samples nor its names tell whether it takes probabilities or logits; a scalar loss is
            neither a mean nor a sum; or it returns one entry per category, and calls do not tell a loss from a gradient.
    """
    for arguments in (*trial.arguments_for("objective"), *trial.arguments_for("reward_objective")):
        bases = [
            GradientConvention(arguments, takes, passed=trial.passed)
            for takes in ("probs", "logits")
            if trial.hints.takes in ("", takes)
        ]
        # Most code takes a batch: if one reading of it leaves no doubt, the other layouts need not be tried.
        sure = [match for base in bases for match, doubts in _match(trial, base, ("rows",)) if not any(doubts)]
        matches = sure or [match for base in bases for match, _ in _match(trial, base, ("rows", "single"))]
        if matches:
            return _complete(trial, _settle_takes(trial, arguments, matches))
    return None


def _match(trial: Trial, base: GradientConvention, layouts: tuple[str, ...]) -> Iterator[tuple[Match, tuple[bool, ...]]]:
    """Yield the best convention of some layouts under which a call works, for categories and for bits, with its doubts."""
    for bits in (False, True) if base.takes == "logits" else (False,):
        best: list[tuple[Match, tuple[bool, ...]]] = []
        raised: set[str] = set()
        for convention in _list_layouts(base):
            # Code that takes a graph is not called without one: what it returned with a graph must not be read without it.
            retry = convention.detached and base.passed != "arrays"
            if convention.layout not in layouts or (retry and convention.layout not in raised):
                continue
            matched = _try_layout(trial, convention, bits)
            if matched is None:
                raised.add(convention.layout)
            if matched is None or not _is_wanted(trial, matched[0], bits):
                continue
            doubts = _list_doubts(trial, *matched)
            if not best or doubts < best[0][1]:
                best = [(matched, doubts)]
            if not any(doubts):
                break
        yield from best


def _is_wanted(trial: Trial, convention: ObjectiveConvention, bits: bool) -> bool:
    """Return True if the form of the samples is the one that the user states, and that of the law in the call."""
    if trial.hints.returns not in ("", convention.returns):
        trial.errors.append(f"--returns {trial.hints.returns} was given, but it calls the objective with {convention.returns}")
        return False
    return convention.takes == "probs" or bits == (convention.returns == "value")


def _try_layout(trial: Trial, convention: GradientConvention, bits: bool) -> Match | None:
    """Return the convention that fits the results of calls; None if no call works."""
    # Try a few rows first: in the wrong layout, a call may need memory for the square of its rows.
    if convention.layout == "rows" and _call(trial, convention, bits, _VERY_FEW)[0] is None:
        return None
    found, samples = _call(trial, convention, bits, PROBE_ROWS)
    if found is None:
        return None
    for seed in range(1, _CALLS if convention.layout == "single" else _VERY_FEW):
        few = sum(map(len, samples)) < _FEW_SAMPLES
        if not few or (seed == _VERY_FEW and all(torch.equal(samples[0], each) for each in samples)):
            break
        samples += _call(trial, convention, bits, PROBE_ROWS, seed)[1]
    heard = torch.cat(samples) if len({each.shape[1:] for each in samples}) == 1 else samples[0]
    stated = trial.hints.returns if heard.dim() > 1 and trial.hints.returns != "index" else ""
    distances = [reading.distance for reading in read_samples(heard)]
    return replace(found, returns=stated or read_form(heard)), min(distances, default=1.0)


def _call(
    trial: Trial, convention: GradientConvention, bits: bool, rows: int, seed: int = 0
) -> tuple[ObjectiveConvention | None, list[Tensor]]:
    """Call the target once, and return the convention that fits the result and the samples that it showed first."""
    heard = ProbeObjective()
    filled = convention.fill(heard, bits=bits, rows=rows)
    given = trial.attempt(convention, filled, seed)
    found = read_result(convention, given, filled, heard)
    shapes = [str(tuple(tensor.shape)) for _, tensor in find_tensors(given)]
    if found is None and shapes and heard.rows:
        called = f"{convention.takes} of shape {tuple(filled['theta'].shape)}"
        trial.errors.append(
            f"it returned shape {' and '.join(shapes)} for {called}; expected one loss for each row, their mean or sum, or "
            "gradients"
        )
    return found, [] if heard.first is None else [heard.first]


def _list_doubts(trial: Trial, convention: ObjectiveConvention, distance: float) -> tuple[bool, ...]:
    """Return the doubts about a layout, the gravest first.

    They are: no gradient, samples of another law, only zero gradients, a loss of one point alone, and rows that depend on each
    other. Code for one point often also runs on a batch, and then mistakes the other rows for its own samples. Code with a
    baseline from other rows often also runs on one point, and then subtracts its only sample from itself.
    """
    far = distance > _NEAR
    if not convention.gradient_path:
        return (True, far, True, True, True)
    one = convention.layout == "single" and convention.reduction == "mean"
    slopes = partial(_take_slopes, trial)
    silent = not bool(slopes(convention, FEW_ROWS, 1.0).any())
    return (False, far, silent, one and convention.is_loss, not one and has_tied_rows(convention, slopes))


def _list_layouts(base: GradientConvention) -> Iterator[GradientConvention]:
    """Yield the layouts to try: a batch or a single point, with or without a graph."""
    base = replace(base, temperature=TEMPERATURE if "temperature" in base.roles else None)
    for detached in (True,) if base.passed == "arrays" else (False, True):
        # Estimators with a baseline from other samples need two samples; given one, some return zero.
        yield replace(base, detached=detached, samples=2 if "count" in base.roles else 1)
        yield replace(base, detached=detached, layout="single", samples=PROBE_ROWS)


def _settle_takes(trial: Trial, arguments: tuple[Argument, ...], matches: list[Match]) -> ObjectiveConvention:
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
    if convention.reduction == "entries":
        convention = settle_entries(trial, convention)
    if convention.is_loss:
        own_slopes = partial(_take_own_slopes, trial)
        carries = any(bool(slope.any()) for slope in _list_own_slopes(trial, convention, FEW_ROWS))
        convention = replace(convention, carries=carries)
        if not convention.gradient_path:
            return settle_batch(convention, own_slopes, trial.hints.batch) if convention.carries else convention
    convention = replace(convention, deterministic=_is_deterministic(trial, convention))
    if convention.layout == "single" and convention.reduction != "rows":
        return _fix_samples(trial, convention)
    batch = trial.hints.batch or int(convention.deterministic)
    settled: ObjectiveConvention = settle_batch(convention, partial(_take_slopes, trial), batch, partial(_take_value, trial))
    return settled


def _is_deterministic(trial: Trial, convention: ObjectiveConvention) -> bool:
    """Return True if calls draw nothing, and give one gradient in every row and at every seed."""
    first, second = (_take_slopes(trial, convention, FEW_ROWS, 1.0, seed) for seed in (0, 1))
    alike = torch.equal(first, second) and (convention.layout == "single" or torch.allclose(first, first[:1]))
    return alike and trial.draws_nothing(convention, convention.fill(ProbeObjective(), bits=convention.returns == "value"))


def _fix_samples(trial: Trial, convention: ObjectiveConvention) -> ObjectiveConvention:
    """Return the convention with as few samples per call as make sense: two if their number is an argument.

    Raises:
        AmbiguousTargetError: Two samples give nothing; or it is a loss of the bits of one point, which may be a mistake in the
            shapes of a batch, and its mean is not the gradient.
    """
    scalar = convention.is_loss and convention.reduction == "mean"
    if scalar and convention.returns == "value" and not is_unbiased(trial, convention):
        raised = [f"{error} on a batch; " for error in trial.errors if error.startswith(RAISED)]
        raise AmbiguousTargetError(
            f"{''.join(raised[:1])}it runs on the bits of one point, and is biased there; parameters come as [rows, k], also "
            "for one bit, so sum the log-probabilities of bits over their last dimension"
        )
    tried = replace(convention, samples=2 if "count" in convention.roles else 1)
    heard = ProbeObjective()
    given = trial.attempt(tried, tried.fill(heard, bits=convention.returns == "value"))
    if any(bool(torch.isfinite(tensor).all()) and place == tried.item for place, tensor in find_tensors(given)):
        return replace(tried, evaluations=max(heard.rows, 1))
    raise AmbiguousTargetError("it returned no finite gradient for two samples; give a function that fixes their number")


def _take_slopes(trial: Trial, convention: ObjectiveConvention, rows: int, loud: float, seed: int = 0) -> Tensor:
    """Return the gradients of one call, ``[rows, K]``."""
    tried = replace(convention, samples=rows) if convention.layout == "single" else convention
    filled = tried.fill(ProbeObjective(loud), bits=convention.returns == "value", rows=rows)
    given = trial.attempt(tried, filled, seed)
    tensor = next((value for place, value in find_tensors(given) if place == convention.item), torch.zeros(0))
    if not convention.is_loss or not tensor.requires_grad:
        return tensor.detach()
    try:
        (slope,) = torch.autograd.grad(tensor.sum(), filled["theta"], allow_unused=True)
    except RuntimeError:  # the graph was freed inside
        return torch.zeros(0)
    return torch.zeros(0) if slope is None else slope


def _take_own_slopes(trial: Trial, convention: ObjectiveConvention, rows: int, loud: float, seed: int = 0) -> Tensor:
    """Return the derivatives of one call's loss in the objective's first results, one for each; nothing if it has none."""
    slopes = _list_own_slopes(trial, convention, rows, loud, seed)
    return slopes[0] if slopes else torch.zeros(0)


def _list_own_slopes(
    trial: Trial, convention: ObjectiveConvention, rows: int, loud: float = 1.0, seed: int = 0
) -> list[Tensor]:
    """Return the derivatives of one call's loss in the results of each call of the objective."""
    heard = ProbeObjective(loud, own=True)
    given = trial.attempt(convention, convention.fill(heard, bits=convention.returns == "value", rows=rows), seed)
    loss = next((value for place, value in find_tensors(given) if place == convention.item), torch.zeros(0))
    if not heard.leaves or not loss.requires_grad:
        return []
    slopes = torch.autograd.grad(loss.sum(), heard.leaves, allow_unused=True)
    return [torch.zeros_like(leaf) if slope is None else slope for slope, leaf in zip(slopes, heard.leaves, strict=True)]


def _take_value(trial: Trial, convention: ObjectiveConvention, rows: int) -> float:
    """Return the value of one call's loss; zero if the call fails."""
    given = trial.attempt(convention, convention.fill(ProbeObjective(), bits=convention.returns == "value", rows=rows))
    return next((float(value.detach().sum()) for place, value in find_tensors(given) if place == convention.item), 0.0)

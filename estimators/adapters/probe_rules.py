"""The probe of rules that are handed a sample and return it with a gradient attached."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from .answers import find_tensors
from .convention import AmbiguousTargetError, Argument
from .sampler import HandedSampleConvention
from .signature import read_takes
from .trial import TEMPERATURE, Trial, make_parameters, make_samples

__all__ = ["find_rule"]


def find_rule(trial: Trial) -> HandedSampleConvention | None:
    """Return the convention of a function that is handed a sample and returns it with a gradient attached.

    Such a function takes logits if its argument's name tells so, or if a common shift of all logits does not change its value.

    Raises:
        AmbiguousTargetError: The function could take probabilities or logits.
    """
    for arguments in trial.arguments_for("sample"):
        for handed in ("one-hot", "index", "value"):
            if trial.hints.returns in ("", handed):
                convention = _read_echo(trial, arguments, handed)
                if convention is not None:
                    return convention
    return None


def _read_echo(trial: Trial, arguments: tuple[Argument, ...], handed: str) -> HandedSampleConvention | None:
    """Return the convention if a call returns the sample that it was handed, and not the very same tensor."""
    heat = TEMPERATURE if "temperature" in [role for _, role in arguments] else None
    theta, sample = make_parameters("logits", bits=handed == "value"), make_samples(handed)
    convention = HandedSampleConvention(arguments, "logits", handed=handed, temperature=heat, passed=trial.passed)
    given = trial.attempt(convention, {"theta": theta, "sample": sample})
    for place, tensor in find_tensors(given):
        same = tensor.shape == sample.shape and bool(((tensor - sample).abs() < 1e-4).all())
        untouched = tensor is sample or (trial.passed != "tensors" and not tensor.requires_grad)
        if not same or untouched:
            continue
        takes = trial.hints.takes or read_takes(trial.target, arguments) or _find_takes(tensor, theta)
        return replace(convention, takes=takes, item=place, gradient_path=tensor.requires_grad)
    return None


def _find_takes(tensor: Tensor, theta: Tensor) -> str:
    """Return the parameters that a rule takes, by its derivative: its elements sum to zero if it takes logits."""
    if not tensor.requires_grad:
        return "probs"
    weight = torch.linspace(-1.0, 1.0, tensor.numel(), dtype=torch.float64).reshape(tensor.shape)
    (slope,) = torch.autograd.grad((tensor * weight).sum(), theta, allow_unused=True)
    if slope is not None and bool((slope.sum(-1).abs() < 1e-8 * slope.abs().sum(-1)).all()):
        return "logits"
    raise AmbiguousTargetError(
        "it is handed a sample, and could take probabilities or logits; say --takes probs or --takes logits"
    )

"""Probing of rules that are handed a sample: what comes back is the sample, with a gradient attached."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from .answers import entries
from .convention import AmbiguousTargetError, Argument
from .sampler import HandedSampleConvention
from .signature import named_takes
from .trial import TEMPERATURE, Trial, feed, handed_sample

__all__ = ["find_rule"]


def find_rule(trial: Trial) -> HandedSampleConvention | None:
    """The convention of a function that is handed a sample and returns it, with a gradient attached.

    That such a function takes logits is seen from its name for them, or from a gradient that no common shift changes.

    Raises:
        AmbiguousTargetError: It could take probabilities or logits.
    """
    for arguments in trial.arguments_for("sample"):
        for handed in ("one-hot", "index", "value"):
            if trial.hints.returns in ("", handed):
                found = _echoed(trial, arguments, handed)
                if found is not None:
                    return found
    return None


def _echoed(trial: Trial, arguments: tuple[Argument, ...], handed: str) -> HandedSampleConvention | None:
    heat = TEMPERATURE if "temperature" in [role for _, role in arguments] else None
    theta, sample = feed("logits", bits=handed == "value"), handed_sample(handed)
    convention = HandedSampleConvention(arguments, "logits", handed=handed, temperature=heat, passed=trial.passed)
    given = trial.attempt(convention, {"theta": theta, "sample": sample})
    for place, tensor in entries(given):
        same = tensor.shape == sample.shape and bool(((tensor - sample).abs() < 1e-4).all())
        untouched = tensor is sample or (trial.passed != "tensors" and not tensor.requires_grad)
        if not same or untouched:
            continue
        takes = trial.hints.takes or named_takes(trial.target, arguments) or _takes_of(tensor, theta)
        return replace(convention, takes=takes, item=place, gradient_path=tensor.requires_grad)
    return None


def _takes_of(tensor: Tensor, theta: Tensor) -> str:
    if not tensor.requires_grad:
        return "probs"
    weight = torch.linspace(-1.0, 1.0, tensor.numel(), dtype=torch.float64).reshape(tensor.shape)
    (slope,) = torch.autograd.grad((tensor * weight).sum(), theta, allow_unused=True)
    if slope is not None and bool((slope.sum(-1).abs() < 1e-8 * slope.abs().sum(-1)).all()):
        return "logits"
    raise AmbiguousTargetError(
        "it is handed a sample, and could take probabilities or logits; say --takes probs or --takes logits"
    )

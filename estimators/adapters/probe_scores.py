"""Probing of surrogate losses that are handed log-probabilities and costs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from .answers import entries
from .convention import Argument, Convention, Wanted
from .probe_batches import settled_batch
from .probe_samples import PROBE_ROWS, attempt, handed_sample
from .reading import EVERY, PROBABILITIES
from .signature import names_rewards

__all__ = ["find_score_loss", "score_feed"]


def find_score_loss(
    target: Any, candidates: list[tuple[Argument, ...]], wanted: Wanted, errors: list[str], *, passed: str = "tensors"
) -> Convention | None:
    """The convention of a surrogate loss of log-probabilities and costs, such as REINFORCE's ``(log_prob * cost).mean()``.

    What calls its costs rewards or returns, and whose loss falls where they are high and likely, is handed their negatives;
    where it rises, it is read as what is to be maximised.

    Args:
        target: The foreign callable.
        candidates: Arguments to try.
        wanted: What its user states.
        errors: What calls raised is added here.
        passed: ``tensors`` or ``float32``: what it is handed.

    Raises:
        AmbiguousTargetError: A scalar loss is neither a mean nor a sum.
    """
    for arguments in candidates:
        convention = Convention("surrogate loss", arguments, "log-probabilities", sites=EVERY, passed=passed)
        if "cost" in convention.roles:
            found = _answered(target, convention, errors)
            if found is not None:
                return _settled(target, found, wanted, errors)
    return None


def score_feed(rows: int, loud: float = 1.0) -> dict[str, Tensor]:
    """Log-probabilities of samples with the law `PROBABILITIES`, requiring a gradient, and a cubic cost of each sample."""
    index = handed_sample("index")[:rows]
    log_prob = torch.tensor(PROBABILITIES, dtype=torch.float64).log()[index].requires_grad_()
    cost = (index.double() + 0.6) ** 3
    return {"log_prob": log_prob, "cost": torch.cat((loud * cost[:1], cost[1:]))}


def _answered(target: Any, convention: Convention, errors: list[str]) -> Convention | None:
    """The convention with what the loss is: a row or a batch, with a gradient or without; None where there is none."""
    filled = score_feed(PROBE_ROWS)
    read = []
    for place, tensor in entries(attempt(target, convention, filled, errors)):
        if tuple(tensor.shape) not in ((), (PROBE_ROWS,), (PROBE_ROWS, 1)) or not bool(torch.isfinite(tensor.detach()).all()):
            continue
        reduction, value = ("rows", filled["cost"]) if tensor.dim() else ("mean", filled["cost"].mean())
        right = bool(torch.allclose(tensor.detach().double().reshape(value.shape), value, rtol=1e-5))
        read.append(replace(convention, item=place, reduction=reduction, gradient_path=tensor.requires_grad, right_value=right))
    return next((each for each in read if each.gradient_path), read[0] if read else None)


def _settled(target: Any, convention: Convention, wanted: Wanted, errors: list[str]) -> Convention:
    if not convention.gradient_path:
        return convention

    def slopes(tried: Convention, rows: int, loud: float) -> Tensor:
        filled = score_feed(rows, loud)
        given = entries(attempt(target, tried, filled, errors))
        loss = next((each for place, each in given if place == tried.item), torch.zeros(0))
        if not loss.requires_grad:
            return torch.zeros(0)
        (slope,) = torch.autograd.grad(loss.sum(), filled["log_prob"], allow_unused=True)
        return torch.zeros(0) if slope is None else slope

    cost = score_feed(PROBE_ROWS)["cost"]
    falls = bool(((cost - cost.mean()) * slopes(convention, PROBE_ROWS, 1.0)).sum() < 0)
    settled = settled_batch(convention, slopes, wanted.batch)
    called_rewards = names_rewards(target, convention.arguments)
    return replace(settled, rewards=called_rewards and falls, gain=called_rewards and not falls)

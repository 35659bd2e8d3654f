"""The objective that a probe hands to foreign code."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .reading import PROBABILITIES

__all__ = ["ProbeObjective", "name_objective", "read_form"]


@dataclass(eq=False)
class ProbeObjective:
    """An objective that records its calls; it is cubic in the value, so that no two categories have the same cost.

    Attributes:
        loud: The factor on the first sample of each call.
        rows: The number of samples in all calls.
        first: The samples of the first call with discrete values, else of the first call; in two dimensions if they are
            vectors. Code may also evaluate the objective at means or at relaxed values, before or after it samples.
        form: The form of the samples: ``one-hot``, ``index`` or ``value``; empty until the first call.
        last: The result of the last call.
        own: True if the objective has a gradient of its own beside the samples: the result of each call is then also a leaf.
        leaves: The leaves, one for each call, with one number per sample; each is added to the result and is zero.
    """

    loud: float = 1.0
    rows: int = 0
    first: Tensor | None = None
    form: str = ""
    last: Tensor | None = None
    own: bool = False
    leaves: list[Tensor] = field(default_factory=list)

    def as_functions(self) -> dict[str, Callable[[Any], Any]]:
        """Return the objective and its negative by role, as plain functions: foreign code may wrap them or ask for a name."""
        return name_objective(self)

    def __call__(self, value: Any) -> Any:
        """Return one number for each sample, as a tensor or an array."""
        given = torch.as_tensor(value)
        vector = given.dim() > 0 and given.shape[-1] == len(PROBABILITIES)
        flat = given.reshape(-1, given.shape[-1]) if vector else given.reshape(-1)
        if self.first is None or (not _is_discrete(self.first) and _is_discrete(flat)):
            self.first = flat.detach()
            self.form = read_form(self.first)
        self.rows += len(flat)
        number = flat @ torch.arange(1, flat.shape[-1] + 1, dtype=flat.dtype) if vector else flat + 1
        number = number if number.is_floating_point() else number.double()
        factor = torch.ones_like(number, requires_grad=False)
        factor[:1] = self.loud
        lead = given.shape[:-1] if vector else given.shape
        costs = (factor * (number - 0.4) ** 3).reshape(lead)
        self.last = costs.detach()
        if isinstance(value, np.ndarray):
            return costs.detach().numpy()
        if self.own:
            self.leaves.append(torch.zeros_like(costs, requires_grad=True))
            costs = costs + self.leaves[-1]
        return costs


def _is_discrete(flat: Tensor) -> bool:
    return bool((flat == flat.round()).all())


def name_objective(objective: Callable[[Any], Any]) -> dict[str, Callable[[Any], Any]]:
    """Return an objective, and the reward that is its negative, by the roles of arguments."""

    def cost(value: Any) -> Any:
        return objective(value)

    def reward(value: Any) -> Any:
        return -objective(value)

    return {"objective": cost, "reward_objective": reward}


def read_form(flat: Tensor) -> str:
    """Return the form of samples with which the objective was called, ``[samples]`` or ``[samples, K]``.

    A few bits may happen to be one-hot vectors, so that many samples are needed.
    """
    if flat.dim() == 1:
        return "index"
    simplex = bool(((flat.double().sum(-1) - 1).abs() < 1e-4).all()) and bool((flat > -1e-4).all())
    return "one-hot" if simplex else "value"

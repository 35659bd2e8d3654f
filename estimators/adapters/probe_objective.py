"""The objective that foreign code is handed in a probe."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .reading import PROBABILITIES

__all__ = ["ProbeObjective"]


@dataclass(eq=False)
class ProbeObjective:
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
        """Return one number for each sample, as a tensor or an array."""
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


def _form(flat: Tensor) -> str:
    if flat.dim() == 1:
        return "index"
    simplex = bool(((flat.double().sum(-1) - 1).abs() < 1e-4).all()) and bool((flat > -1e-4).all())
    return "one-hot" if simplex else "value"

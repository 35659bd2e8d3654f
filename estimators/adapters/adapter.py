"""The common part of the adapters: an estimator that holds a foreign callable and the convention that it follows."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import torch
from jaxtyping import Float
from torch import Tensor

from ..protocol import Claims, Program
from .batches import BatchConvention
from .calling import read_claims
from .convention import Convention
from .copying import copy_target

__all__ = ["Adapter"]

_WARM_CALLS = 8


@dataclass(frozen=True)
class Adapter(ABC):
    """An estimator that calls foreign code.

    Every call starts from the callable as it was given, so that the callable keeps no memory between calls. The exception is
    a convention with the state ``warm``: `fit` then calls the callable a few times first. If a convention has several calls per
    replicate, every replicate starts from that state, and follows it over its calls.

    Args:
        target: The foreign callable, class or autograd Function.
        convention: The convention that it follows; see `find_convention`.
    """

    target: Any
    convention: Convention

    reference: ClassVar[str] = ""

    @property
    def claims(self) -> Claims:
        """The claims that the foreign code declares; unbiased if it declares none."""
        return read_claims(self.target)

    def __call__(
        self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator
    ) -> Float[Tensor, "{num_samples} *param"]:
        """Draw replicates, ``[num_samples, *param]``."""
        return self._run(copy_target(self.target), program, params, num_samples, generator)

    def fit(self, program: Program, params: Tensor, *, num_samples: int, generator: torch.Generator) -> Self:
        """Return the adapter after a few calls if its state is ``warm``, and the adapter itself otherwise."""
        if self.convention.state != "warm":
            return self
        target, rows = copy_target(self.target), max(num_samples // _WARM_CALLS, 1)
        adapter = self
        if isinstance(self.convention, BatchConvention) and self.convention.calls > 1:
            # One copy for all calls, so that they leave their state in it; a replicate is one of them.
            adapter, rows = replace(self, convention=replace(self.convention, calls=1)), 1
        for _ in range(_WARM_CALLS):
            adapter._run(target, program, params, rows, generator)
        return replace(self, target=target)

    @abstractmethod
    def _run(self, target: Any, program: Program, params: Tensor, rows: int, generator: torch.Generator) -> Tensor:
        """Draw replicates with a callable in its present state."""

"""What every adapter of foreign code is: an estimator that keeps a foreign callable and the convention by which it is used."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import torch
from jaxtyping import Float
from torch import Tensor

from ..protocol import Claims, Program
from .calling import declared_claims, fresh
from .convention import Convention

__all__ = ["Adapter"]

_WARM_CALLS = 8


@dataclass(frozen=True)
class Adapter(ABC):
    """Foreign code as an estimator.

    Every call begins with the callable as it was given: what it remembers from one call to the next is forgotten, unless its
    convention says ``warm`` and `fit` has called it before.

    Args:
        target: The foreign callable, class or autograd Function.
        convention: How it is used; see `adapt`.
    """

    target: Any
    convention: Convention

    reference: ClassVar[str] = ""

    @property
    def claims(self) -> Claims:
        """What the foreign code declares, or that it is unbiased where it declares nothing."""
        return declared_claims(self.target)

    def __call__(
        self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator
    ) -> Float[Tensor, "{num_samples} *param"]:
        """Replicates, ``[num_samples, *param]``."""
        return self._run(fresh(self.target), program, params, num_samples, generator)

    def fit(self, program: Program, params: Tensor, *, num_samples: int, generator: torch.Generator) -> Self:
        """The same after some calls, if it is to be warm; as it is otherwise."""
        if self.convention.state != "warm":
            return self
        target = fresh(self.target)
        for _ in range(_WARM_CALLS):
            self._run(target, program, params, max(num_samples // _WARM_CALLS, 1), generator)
        return replace(self, target=target)

    @abstractmethod
    def _run(self, target: Any, program: Program, params: Tensor, rows: int, generator: torch.Generator) -> Tensor:
        """Replicates by a callable with whatever state it has."""

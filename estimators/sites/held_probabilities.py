"""The part that all finite sites share: they hold the probabilities of their categories."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

import torch
from torch import Tensor

from .site import FiniteSite

__all__ = ["HeldProbabilities", "below_one", "safe_log"]


@dataclass(frozen=True, eq=False)
class HeldProbabilities:
    """The methods of a finite site that follow from its probabilities."""

    probs: Tensor

    finite: ClassVar[bool] = True
    boolean: ClassVar[bool] = False
    uniform_shape: ClassVar[torch.Size] = torch.Size()

    @property
    def requires_grad(self) -> bool:
        """True if the probabilities depend on the parameters."""
        return self.probs.requires_grad

    @property
    def dtype(self) -> torch.dtype:
        """The floating type of the probabilities."""
        return self.probs.dtype

    @property
    def device(self) -> torch.device:
        """The device of the probabilities."""
        return self.probs.device

    def with_probs(self, probs: Tensor) -> Self:
        """Return the same kind of site with other probabilities."""
        return type(self)(probs)

    def with_probabilities(self, probabilities: Tensor) -> Self:
        """Return the same kind of site with other probabilities of all categories."""
        return self.with_probs(probabilities)

    def detach(self) -> Self:
        """Return the same site without its graph."""
        return self.with_probs(self.probs.detach())

    def draw(self: FiniteSite, uniforms: Tensor) -> Tensor:
        """Return the index that inversion gives."""
        return self.index_from(uniforms)

    def value(self: FiniteSite, outcome: Tensor) -> Tensor:
        """Return the value of the given indices."""
        return self.from_index(outcome)

    def log_prob(self: FiniteSite, outcome: Tensor) -> Tensor:
        """Return ``log p(index)``, minus infinity for an impossible index."""
        return self.probability(outcome).log()

    def cdf(self: FiniteSite, outcome: Tensor) -> Tensor:
        """Return the probability of an index that is not larger."""
        cumulative = self.probabilities().cumsum(-1)
        return (cumulative / cumulative[..., -1:]).gather(-1, outcome.long().unsqueeze(-1)).squeeze(-1)

    def nodes(self: FiniteSite, count: int) -> tuple[Tensor, Tensor]:
        """Return all categories and their probabilities, ``[K, rows, *batch]``, whatever the count."""
        weights = self.probabilities().movedim(-1, 0)
        categories = torch.arange(len(weights), device=self.device).reshape(-1, *(1 for _ in self.shape))
        return (categories.bool() if self.boolean else categories).expand(weights.shape), weights

    def log_probabilities(self: FiniteSite) -> Tensor:
        """Return ``log p``, ``[..., K]``, finite."""
        return safe_log(self.probabilities())

    def score_surrogate(self: FiniteSite, index: Tensor) -> Tensor:
        """Return ``p w`` with w constant."""
        connected, weight = self.score_factors(index)
        return connected * weight


def safe_log(probabilities: Tensor) -> Tensor:
    """Return a finite logarithm: an impossible category gets that of the smallest normal number."""
    return probabilities.clamp_min(torch.finfo(probabilities.dtype).tiny).log()


def below_one(uniform: Tensor) -> Tensor:
    """Clamp uniforms below 1, which rounding may reach and which would draw an impossible last category."""
    return uniform.clamp(max=1 - torch.finfo(uniform.dtype).eps / 2)

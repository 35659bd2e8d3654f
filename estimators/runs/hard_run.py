"""A run with hard samples, as score functions with control variates need it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.distributions import Distribution

from ..protocol import Program, evaluate, row_leaf
from ..sites.reading import FiniteSite, finite_site_of
from .path_score import path_score
from .tape import Tape, recording

__all__ = ["HardRun"]


@dataclass(frozen=True, eq=False)
class HardRun:
    """One run of a program with hard samples.

    Attributes:
        leaf: The parameters once a row, ``[rows, *param]``.
        objective: ``[rows]``, connected to the leaf by what does not pass through samples, and, in a run with
            slopes, to ``values``.
        tape: The draws, their probabilities connected to the leaf.
        values: The samples as the program saw them, each a leaf of its own in a run with slopes.
        score: A tensor ``[rows]`` whose gradient in the leaf is ``sum_k grad log p(x_k)``; its value means nothing.
    """

    leaf: Tensor
    objective: Tensor
    tape: Tape[FiniteSite]
    values: list[Tensor]
    score: Tensor

    @classmethod
    def of(cls, program: Program, params: Tensor, rows: int, generator: torch.Generator, *, sloped: bool = False) -> HardRun:
        """Run ``rows`` rows; a ``sloped`` run has `slopes`, if the objective is not a black box."""
        tape: Tape[FiniteSite] = Tape()
        values: list[Tensor] = []
        record = recording(rows, generator, tape, finite_site_of)

        def sample(distribution: Distribution) -> Tensor:
            values.append(record(distribution).requires_grad_(sloped))
            return values[-1]

        leaf = row_leaf(params, rows)
        objective = evaluate(program, leaf, sample)
        return cls(leaf, objective, tape, values, path_score(tape, objective))

    def slopes(self) -> list[Tensor]:
        """Return the objective's derivative in every value, with the later draws held."""
        if not (self.values and self.objective.requires_grad):
            return [torch.zeros_like(value, requires_grad=False) for value in self.values]
        slopes = torch.autograd.grad(self.objective.sum(), self.values, allow_unused=True, retain_graph=True)
        return [
            torch.zeros_like(value, requires_grad=False) if slope is None else slope
            for slope, value in zip(slopes, self.values, strict=True)
        ]

    def means(self) -> list[Tensor]:
        """Return the mean of every site given what was drawn before it."""
        return [entry.site.from_one_hot(entry.site.probabilities()) for entry in self.tape.draws]

    def deviation(self, slopes: list[Tensor]) -> Tensor:
        """Return ``sum_k d_k (x_k - mu_k)``, ``[rows]``, constant."""
        with torch.no_grad():
            deviations = (value - mean for value, mean in zip(self.values, self.means(), strict=True))
            return _sum_products(slopes, deviations, self.score)

    def compensation(self, slopes: list[Tensor]) -> Tensor:
        """Return ``sum_k d_k mu_k``, ``[rows]``, whose gradient is the mean of what `deviation` adds to the score."""
        return _sum_products(slopes, self.means(), self.score)


def _sum_products(slopes: Iterable[Tensor], values: Iterable[Tensor], like: Tensor) -> Tensor:
    """Return ``sum_k d_k v_k`` over all elements of all sites, ``[rows]``."""
    products = (slope * value for slope, value in zip(slopes, values, strict=True))
    return sum((each.reshape(len(like), -1).sum(1) for each in products), start=torch.zeros_like(like))

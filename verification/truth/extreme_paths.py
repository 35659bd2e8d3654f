"""Paths of a program at the ends of its objective: rare joint events that matter, and that no sample would show."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ...estimators.protocol import evaluate, row_gradients, row_leaf
from ...estimators.runs.outcomes import in_columns
from ...estimators.runs.tape import Tape, forcing
from ...estimators.sites import FiniteSite
from ...estimators.sites.reading import finite_site_of
from ..problems.problem import Problem
from .reference import Array

__all__ = ["rarest_path"]

_UNIFORM = 8
_STEPS = 32
_MOST_ROWS = 4096
_NOTHING = 1e-12  # parts of a tolerance


def rarest_path(problem: Problem, outcomes: Tensor, objective: Tensor, tau: Array) -> float:
    """Return the probability of the rare paths that were found to carry more than the tolerance; 1 if there are none.

    The search forces paths whose probability is known: every element at the same category, the pilot's paths of greatest and
    least objective, and from each of them the best change of one element, again and again. A path counts by what it carries,
    ``P |f - E f| |score_j|`` against the tolerance tau_j. A path that no such walk meets, as one pattern among many of which
    the objective gives no sign, is not found: then nothing is known of it.

    Args:
        problem: The problem, its sites finite.
        outcomes: The pilot's outcomes, the index of every element, ``[rows, elements]``.
        objective: The pilot's objective ``[rows]``.
        tau: The tolerance of every coordinate ``[d]``.
    """
    search = _Search(problem, float(objective.double().mean()), torch.as_tensor(tau, dtype=torch.float64))
    radices = search.radices()
    if len(radices) != outcomes.shape[1]:
        return 1.0
    categories = torch.tensor(radices)
    uniform = [torch.full_like(categories, number) % categories for number in range(min(max(radices), _UNIFORM))]
    extremes = [outcomes[int(objective.argmax())].cpu(), outcomes[int(objective.argmin())].cpu()]
    paths = torch.stack([*uniform, *extremes]).unique(dim=0)
    seen = [search.visit(paths)]
    changes = int(categories.sum() - len(radices))
    if len(paths) * changes <= _MOST_ROWS:
        seen += [visit for start in range(len(paths)) for visit in search.climb(paths[start], seen[0].carried[start], radices)]
    return _rarest(seen, search.tau)


@dataclass(frozen=True, eq=False)
class _Visit:
    """Paths that were forced: their outcomes, probabilities, and what they carry in each coordinate.

    ``carried`` is the largest part of a tolerance, ``[paths]``; ``parts`` is ``P |f - E f| |score_j|``, ``[paths, d]``.
    """

    outcomes: Tensor
    probability: Tensor
    parts: Tensor
    carried: Tensor

    def telling(self) -> _Visit:
        """Return the paths that carry anything: with many elements there are thousands, and hardly one of them does."""
        telling = self.carried > _NOTHING
        return _Visit(self.outcomes[telling], self.probability[telling], self.parts[telling], self.carried[telling])


@dataclass(frozen=True, eq=False)
class _Search:
    """The forced runs of one problem."""

    problem: Problem
    mean: float
    tau: Tensor

    def radices(self) -> list[int]:
        """Return the number of categories of every element, in drawing order."""
        tape: Tape[FiniteSite] = Tape()
        zeros = lambda number, site: torch.zeros(site.shape, dtype=torch.long)  # noqa: E731
        with torch.no_grad():
            evaluate(self.problem.program, self._params(1), forcing(1, zeros, tape, finite_site_of))
        return [entry.site.num_categories for entry in tape.draws for _ in range(math.prod(entry.site.shape[1:]))]

    def visit(self, outcomes: Tensor) -> _Visit:
        """Run the program on given paths, ``[paths, elements]``."""
        rows, tape = len(outcomes), Tape[FiniteSite]()
        leaf = row_leaf(self.problem.params.cpu().double(), rows)
        value = evaluate(self.problem.program, leaf, forcing(rows, in_columns(outcomes), tape, finite_site_of))
        weight = torch.ones(rows, dtype=torch.float64)
        for entry in tape.draws:
            weight = weight * entry.site.probability(entry.index).double().reshape(rows, -1).prod(1)
        slope = row_gradients(weight, leaf).reshape(rows, -1).abs()
        parts = (value.detach().double() - self.mean).abs()[:, None] * slope
        carried = (parts / self.tau.clamp_min(1e-300)).nan_to_num(0.0).max(1).values
        return _Visit(outcomes, weight.detach(), parts, carried)

    def climb(self, path: Tensor, carried: Tensor, radices: list[int]) -> list[_Visit]:
        """Change the element that gains most, until nothing gains; return all paths on the way."""
        visits: list[_Visit] = []
        for _ in range(_STEPS):
            changed = [
                torch.cat((path[:at], torch.tensor([other]), path[at + 1 :]))
                for at, radix in enumerate(radices)
                for other in range(radix)
                if other != int(path[at])
            ]
            if not changed:
                break
            visit = self.visit(torch.stack(changed))
            visits.append(visit.telling())
            best = int(visit.carried.argmax())
            if not visit.carried[best] > carried:
                break
            path, carried = visit.outcomes[best], visit.carried[best]
        return visits

    def _params(self, rows: int) -> Tensor:
        params = self.problem.params.cpu().double()
        return params.expand(rows, *params.shape)


def _rarest(seen: list[_Visit], tau: Tensor) -> float:
    """Return the probability of the most influential paths that together carry a tolerance, the least over coordinates."""
    outcomes = torch.cat([visit.outcomes for visit in seen])
    _, first = torch.unique(outcomes, dim=0, return_inverse=True)
    places = torch.full((int(first.max()) + 1,), len(first)).scatter_reduce(0, first, torch.arange(len(first)), "amin")
    probability = torch.cat([visit.probability for visit in seen])[places]
    parts = torch.cat([visit.parts for visit in seen])[places]
    rarest = 1.0
    for column, limit in zip(parts.T, tau, strict=True):
        order = (column / probability.clamp_min(1e-300)).argsort(descending=True)
        reached = column[order].cumsum(0) > limit
        if bool(reached.any()):
            rarest = min(rarest, float(probability[order][: int(reached.int().argmax()) + 1].sum()))
    return rarest

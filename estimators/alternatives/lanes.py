"""Lanes: weighted alternative states that walk beside a Markov program's primal run, merged where they are equal.

Tensors here have lanes and categories in front and the rows last, which is how they are reduced.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..markov import MarkovProgram
from ..runs.tape import choose
from ..sites.reading import FiniteSite, finite_site_of

__all__ = ["Lanes", "Moves", "advance", "couple", "merge"]


@dataclass(frozen=True, eq=False)
class Lanes:
    """The alternatives that each row carries.

    Attributes:
        states: ``[lanes, rows, *state]``; a lane that a row does not use holds that row's primal state.
        magnitude: The rough weight of each lane, zero if it is not used, ``[lanes, rows]``.
    """

    states: Tensor
    magnitude: Tensor

    @classmethod
    def none(cls, state: Tensor) -> Lanes:
        """Return lanes without alternatives to a primal ``state``, ``[rows, *state]``."""
        return cls(state.new_empty(0, *state.shape), state.new_empty(0, len(state)))

    def gains(self, program: MarkovProgram, objective: Tensor) -> Tensor:
        """Return ``f(y) - f(x)`` of every lane, ``[lanes, rows]``, zero if it is unused; ``objective`` is f(x), ``[rows]``."""
        if not len(self.states):
            return torch.zeros_like(self.magnitude)
        scores = program.objective(self.states.flatten(0, 1)).reshape(self.magnitude.shape)
        return torch.where(self.magnitude > 0, scores - objective, 0.0)


@dataclass(frozen=True, eq=False)
class Moves:
    """The map of one step from lanes to lanes.

    Attributes:
        coupling: C(z' | z), the probability that a lane moves z' given the primal's move, ``[lanes before, K, rows]``.
        lane: The lane, counted from one, that each candidate became, 0 where it was dropped: ``[1 + lanes before, K, rows]``,
            the primal's own alternatives first.
        scale: Makes up for candidates that were dropped at random, shaped like ``lane``; None where none was.
    """

    coupling: Tensor
    lane: Tensor
    scale: Tensor | None

    def pull_back(self, value: Tensor) -> tuple[Tensor, Tensor]:
        """Take the lanes' values after a step back to the primal's alternatives and to the lanes before it.

        Args:
            value: ``D_{k+1}`` of every lane, ``[lanes after, rows]``.

        Returns:
            ``D_{k+1}(next(x, z'))``, ``[K, rows]`` for the longer of the tables, and
            ``D_k(y) = sum_z' C(z' | z) D_{k+1}(next(y, z'))``, ``[lanes, rows]``.
        """
        padded = torch.cat((value.new_zeros(1, value.shape[1]), value))
        candidates = padded.gather(0, self.lane.flatten(0, 1)).reshape(self.lane.shape)
        if self.scale is not None:
            candidates = candidates * self.scale
        return candidates[0], (self.coupling * candidates[1:]).sum(1)


def advance(
    program: MarkovProgram,
    params: Tensor,
    lanes: Lanes,
    site: FiniteSite,
    index: Tensor,
    magnitude: Tensor,
    departed: Tensor,
    arrived: Tensor,
    k: int,
    limit: int,
    generator: torch.Generator,
) -> tuple[Lanes, Moves]:
    """Step the lanes: each moves in every way its coupling allows, the alternatives of the primal join, and equal states merge.

    Args:
        program: The Markov program.
        params: ``[*param]``.
        lanes: The alternatives before the step.
        site: The primal's site, without its graph.
        index: The primal's outcome, ``[rows]``.
        magnitude: The weight of each of the primal's alternatives, ``[K, rows]``.
        departed: The primal state before the step, ``[rows, *state]``.
        arrived: The primal state after it.
        k: Number of the step.
        limit: The most lanes to keep.
        generator: Decides which lanes are kept where there are more.

    Returns:
        The lanes after the step, and the moves.
    """
    rows = magnitude.shape[1]
    probabilities = site.probabilities().reshape(rows, -1).T
    beside = probabilities.new_empty(0, *probabilities.shape)
    count = len(lanes.states)
    if count:
        points = params.expand(count * rows, *params.shape)
        other = finite_site_of(program.site(points, lanes.states.flatten(0, 1), k), count * rows)
        beside = other.probabilities().reshape(count, rows, -1).transpose(1, 2)
        # Tables of counts are as long as their rates need, so a lane's may be longer than the primal's, or shorter.
        site = max(site, other, key=lambda each: each.num_categories)
    probabilities, beside, magnitude = (_pad(each, site.num_categories) for each in (probabilities, beside, magnitude))
    coupling = couple(probabilities, beside, index)
    candidates = _step_all(program, torch.cat((departed.unsqueeze(0), lanes.states)), site, k)
    weight = torch.cat((magnitude.unsqueeze(0), lanes.magnitude.unsqueeze(1) * coupling)).flatten(0, 1)
    weight = weight.masked_fill(_equal(candidates, arrived), 0.0)
    after, lane, scale = merge(candidates, weight, arrived, limit, generator)
    shape = (1 + count, *probabilities.shape)
    return after, Moves(coupling, lane.reshape(shape), None if scale is None else scale.reshape(shape))


def couple(probabilities: Tensor, beside: Tensor, index: Tensor) -> Tensor:
    """Couple the lanes' moves maximally to the primal's.

    A lane repeats the primal's outcome z with probability ``min(1, P'(z) / P(z))`` and else moves by ``(P' - P)^+``,
    normalised; over the primal's outcomes its moves have law P'.

    Args:
        probabilities: P, the primal's, ``[K, rows]``.
        beside: P', the lanes', ``[lanes, K, rows]``.
        index: z, ``[rows]``, of positive probability.

    Returns:
        C(z' | z), ``[lanes, K, rows]``.
    """
    drawn = index.expand(len(beside), 1, -1)
    repeats = (beside.gather(1, drawn) / probabilities.gather(0, index.unsqueeze(0))).clamp(max=1)
    residual = (beside - probabilities).clamp(min=0)
    total = residual.sum(1, keepdim=True)
    moved = (1 - repeats) * residual / torch.where(total > 0, total, 1.0)
    return moved.scatter_add(1, drawn, repeats)


def merge(
    candidates: Tensor, weight: Tensor, unused: Tensor, limit: int, generator: torch.Generator
) -> tuple[Lanes, Tensor, Tensor | None]:
    """Gather equal states in one lane each; if more than `limit` differ, draw the last lane among the lightest.

    A lane that is drawn in proportion to its weight w among a total W has its value multiplied by W / w, so the sum over lanes
    keeps its mean.

    Args:
        candidates: ``[candidates, rows, *state]``.
        weight: Non-negative, zero for those to drop, ``[candidates, rows]``.
        unused: The state of an unused lane, ``[rows, *state]``.
        limit: The most lanes.
        generator: Draws the last lane, where one must be drawn.

    Returns:
        The lanes; the number of each candidate's, counted from one, 0 where it was dropped; and the candidates' scale.
    """
    lane = torch.zeros_like(weight, dtype=torch.long)
    scale = None
    states: list[Tensor] = []
    sizes: list[Tensor] = []
    while len(states) < limit and bool(weight.any()):
        chosen = weight.max(0).indices
        same = _equal(candidates, _pick(candidates, chosen)) & (weight > 0)
        rest = weight.masked_fill(same, 0.0)
        if len(states) + 1 == limit and bool(rest.any()):
            chosen = choose(weight.T, generator)
            same = _equal(candidates, _pick(candidates, chosen)) & (weight > 0)
            size = weight.sum(0)
            scale = torch.where(same, size / (weight * same).sum(0), 1.0)
        else:
            size = (weight * same).sum(0)
        states.append(torch.where(_spread(size > 0, unused), _pick(candidates, chosen), unused))
        sizes.append(size)
        lane = torch.where(same, len(states), lane)
        weight = rest
    if not states:
        return Lanes.none(unused), lane, None
    return Lanes(torch.stack(states), torch.stack(sizes)), lane, scale


def _step_all(program: MarkovProgram, states: Tensor, site: FiniteSite, k: int) -> Tensor:
    """Return the states that every lane reaches by every outcome, ``[lanes * K, rows, *state]``."""
    lanes, rows, *state = states.shape
    categories = site.num_categories
    values = site.from_one_hot(torch.eye(categories, dtype=site.dtype, device=site.device))
    event = values.shape[1:]
    outcomes = values.reshape(1, categories, 1, *site.shape[1:], *event).expand(lanes, -1, rows, *site.shape[1:], *event)
    departing = states.unsqueeze(1).expand(lanes, categories, rows, *state)
    after = program.step(departing.flatten(0, 2), outcomes.flatten(0, 2), k)
    return after.reshape(lanes * categories, rows, *after.shape[1:])


def _pad(probabilities: Tensor, categories: int) -> Tensor:
    return torch.nn.functional.pad(probabilities, (0, 0, 0, categories - probabilities.shape[-2]))


def _equal(candidates: Tensor, state: Tensor) -> Tensor:
    """Return True where the states agree in all their numbers, ``[candidates, rows]``."""
    equal = candidates == state
    return equal if equal.dim() == 2 else equal.flatten(2).all(2)


def _pick(candidates: Tensor, chosen: Tensor) -> Tensor:
    """Return one candidate a row, ``[rows, *state]``."""
    return candidates[chosen, torch.arange(len(chosen), device=chosen.device)]


def _spread(mask: Tensor, state: Tensor) -> Tensor:
    return mask.reshape(-1, *(1 for _ in state.shape[1:]))

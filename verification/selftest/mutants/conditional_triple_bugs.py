"""Bugs in conditional triples: a flow left out or weighted wrongly, a coupling that loses or makes mass."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.autograd import forward_ad

from ....estimators.alternatives.dual_numbers import dual_number, split_dual, with_tangent
from ....estimators.markov import MarkovProgram
from ....estimators.protocol import NotApplicableError, Program
from ....estimators.runs.tape import draw
from ....estimators.sites.reading import FiniteSite, finite_site_of

__all__ = ["FaultyConditionalTriple"]

_Lane = tuple[Tensor, Tensor]
"""States ``[rows]`` and their weights ``[rows]``."""


@dataclass(frozen=True)
class FaultyConditionalTriple:
    """Conditional triples on a short Markov program with a scalar parameter and bits, with one fault.

    ``dropped``: the last step has no flow. ``unscaled``: the flow is ``|dp|``, but ``|dp| / P(z)`` is right. ``vanishing``: a
    lane that does not repeat the primal's move is lost. ``unclipped``: a lane repeats the move with weight ``P'(z) / P(z)``
    even above one, and takes the residual too. No lanes are merged, so their number doubles at every step.
    """

    fault: Literal["dropped", "unscaled", "vanishing", "unclipped"]

    def __call__(self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
        """Return replicates, ``[num_samples]``."""
        if not isinstance(program, MarkovProgram):
            raise NotApplicableError("this planted bug needs a Markov program")
        lanes: list[_Lane] = []
        with torch.no_grad(), forward_ad.dual_level():
            points = params.repeat(num_samples)
            dual = dual_number(points)
            state = program.initial(dual)
            for k in range(program.num_steps):
                site, tangent = with_tangent(finite_site_of(program.site(dual, state, k), num_samples))
                bit = draw(site, generator)
                primal = split_dual(state)[0]
                moved = [each for lane in lanes for each in self._move(lane, program, points, site, bit, k)]
                last = self.fault == "dropped" and k == program.num_steps - 1
                fresh = (
                    program.step(primal, site.from_index(~bit), k),
                    0.0 * tangent if last else self._flow(site, tangent, bit),
                )
                lanes = [*moved, fresh]
                state = program.step(state, site.from_index(bit), k)
            objective, direct = split_dual(program.objective(state))
            gains = [(program.objective(other) - objective) * weight for other, weight in lanes]
            return torch.stack(gains).sum(0) + direct

    def _flow(self, site: FiniteSite, tangent: Tensor, bit: Tensor) -> Tensor:
        """Return the one-sided flow from the drawn bit to the other."""
        rate = torch.where(bit, -tangent, tangent).clamp(min=0)
        return rate if self.fault == "unscaled" else rate / site.probability(bit)

    def _move(
        self, lane: _Lane, program: MarkovProgram, points: Tensor, site: FiniteSite, bit: Tensor, k: int
    ) -> tuple[_Lane, ...]:
        """Return a lane after a step: the part that repeats the primal's bit, and the part that takes the other."""
        state, weight = lane
        ratio = finite_site_of(program.site(points, state, k), len(points)).probability(bit) / site.probability(bit)
        repeats = ratio.clamp(max=1)
        first = weight * (ratio if self.fault == "unclipped" else repeats)
        other = weight * (0.0 if self.fault == "vanishing" else 1 - repeats)
        return (
            (program.step(state, site.from_index(bit), k), first),
            (program.step(state, site.from_index(~bit), k), other),
        )

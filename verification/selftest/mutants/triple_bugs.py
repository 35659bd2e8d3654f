"""Bugs in stochastic triples: which alternative is kept, its weight, when it is dropped, and how it continues."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.autograd import forward_ad

from ....estimators.alternatives.dual_numbers import dual_number, split_dual, with_tangent
from ....estimators.alternatives.jumps import Jump, one_sided_jump
from ....estimators.markov import MarkovProgram
from ....estimators.protocol import NotApplicableError, Program
from ....estimators.runs.tape import accept, draw_coupled
from ....estimators.sites.reading import FiniteSite, finite_site_of

__all__ = ["FaultyTriple"]


@dataclass(frozen=True)
class FaultyTriple:
    """Pruned triples on a Markov program with a scalar parameter and bits, with one fault.

    ``unweighted_merge``: of two alternatives, either is kept with probability 1/2. ``newest``: a new alternative replaces the
    old one, whose weight is lost. ``unsigned``: the direction of the jump is ignored. ``unscaled``: the rate is ``|dp|``, but
    ``|dp| / p`` is right. ``frozen``: the alternative repeats the primal's later moves whatever its own probabilities.
    ``kept``: an alternative that met the primal is not dropped; the mean is right.
    """

    fault: Literal["unweighted_merge", "newest", "unsigned", "unscaled", "frozen", "kept"]

    def __call__(self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
        """Return replicates, ``[num_samples]``."""
        if not isinstance(program, MarkovProgram):
            raise NotApplicableError("this planted bug needs a Markov program")
        with torch.no_grad(), forward_ad.dual_level():
            points = params.repeat(num_samples)
            dual = dual_number(points)
            state = program.initial(dual)
            primal = alternative = split_dual(state)[0]
            weight = torch.zeros_like(points)
            for k in range(program.num_steps):
                site, tangent = with_tangent(finite_site_of(program.site(dual, state, k), num_samples))
                beside = finite_site_of(program.site(points, alternative, k), num_samples)
                index, coupled = draw_coupled(site, beside, generator)
                jump = self._jump(site, tangent, index, generator)
                moved = index if self.fault == "frozen" else coupled
                carried = program.step(alternative, site.from_index(moved), k)
                fresh = program.step(primal, site.from_index(jump.alternative), k)
                state = program.step(state, site.from_index(index), k)
                primal = split_dual(state)[0]
                alive = weight if self.fault == "kept" else weight.masked_fill(carried == primal, 0.0)
                take, weight = self._merge(alive, jump.rate, generator)
                alternative = torch.where(take, fresh, carried)
            objective, direct = split_dual(program.objective(state))
            return (program.objective(alternative) - objective) * weight + direct

    def _jump(self, site: FiniteSite, tangent: Tensor, index: Tensor, generator: torch.Generator) -> Jump:
        if self.fault == "unsigned":
            return Jump(tangent.abs() / site.probability(index), ~index.bool(), None)
        jump = one_sided_jump(site, tangent, index, generator)
        return Jump(jump.rate * site.probability(index), jump.alternative, None) if self.fault == "unscaled" else jump

    def _merge(self, alive: Tensor, rate: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return a mask where the new alternative is kept, and the weight of the kept one."""
        total = alive + rate
        if self.fault == "newest":
            return rate > 0, torch.where(rate > 0, rate, alive)
        if self.fault == "unweighted_merge":
            old, new = (alive > 0).to(rate.dtype), (rate > 0).to(rate.dtype)
            return accept(new, old + new, generator), total
        return accept(rate, total, generator), total

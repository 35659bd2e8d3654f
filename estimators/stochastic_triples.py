"""Pruned stochastic triples: the primal run and one alternative, kept among all candidate jumps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd import forward_ad

from .alternatives.carried_triples import carried_leave_one_out, carried_one_sided
from .alternatives.dual_numbers import dual_number, split_dual, with_tangent
from .alternatives.jumps import Jump, leave_one_out_jump, one_sided_jump
from .hyper_parameters import require_at_least
from .markov import MarkovProgram
from .protocol import FINITE_SITES, Claims, Program, Sample, evaluate, row_gradients, row_leaf
from .runs.tape import Draw, Tape, choose, recording, replaying
from .sites.reading import FiniteSite, finite_site_of

__all__ = ["StochasticTriple"]


@dataclass(frozen=True)
class StochasticTriple:
    """Pruned stochastic triples for whole programs.

    Every drawn element has a candidate jump (`jumps`). One of them is kept, with probability in proportion to its rate, and
    the run is repeated with it: ``W / rate * R (f(alternative) - f(primal))``, W the sum of the rates, plus the derivative
    of f at fixed outcomes. Unbiased for any program of supported sites.

    A plain program is replayed: after the jump its uniforms are redrawn given the recorded outcomes, so that the two runs
    stay together where they can. A `MarkovProgram` carries the alternative beside the primal in one pass and drops it when the
    states meet, which halves the variance on the random walk. A scalar parameter takes one-sided jumps, with the tangents by
    forward mode; a vector takes leave-one-out jumps and one backward pass.

    Variance O(n^2) for d/dp E[X_n^2] on the random walk. Cost: 1 + lanes evaluations on a plain program, 2 on a Markov one.

    Args:
        lanes: Alternatives replayed a replicate, averaged; plain programs only.

    Raises:
        NotApplicableError: Fewer than one lane.

    Example:
        >>> import torch
        >>> from torch.distributions import Bernoulli
        >>> program = lambda params, sample: (sample(Bernoulli(params)) + 1) ** 3
        >>> rows = StochasticTriple()(program, torch.tensor(0.5), 1000, torch.Generator().manual_seed(0))
        >>> sorted(set(rows.tolist()))
        [0.0, 14.0]

    References:
        Arya, Schauer, Schaefer and Rackauckas (2022), arXiv 2210.08572.
    """

    lanes: int = 1

    claims: ClassVar[Claims] = Claims(bias="unbiased", variance_exponent=2.0)
    sites: ClassVar[tuple[type, ...]] = FINITE_SITES
    reference: ClassVar[str] = "Arya et al. 2022"

    def __post_init__(self) -> None:
        require_at_least("stochastic triple", 1, lanes=self.lanes)

    @property
    def evaluations(self) -> int | None:
        """The number of runs: the primal run and the alternatives."""
        return 1 + self.lanes

    def __call__(
        self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator
    ) -> Float[Tensor, "{num_samples} *param"]:
        """Return replicates, ``[num_samples, *param]``."""
        params = params.detach()
        if isinstance(program, MarkovProgram):
            carried = carried_one_sided if params.dim() == 0 else carried_leave_one_out
            return carried(program, params, num_samples, generator)
        replayed = self._one_sided if params.dim() == 0 else self._leave_one_out
        return replayed(program, params, num_samples, generator)

    def _one_sided(self, program: Program, params: Tensor, rows: int, generator: torch.Generator) -> Tensor:
        tape: Tape[FiniteSite] = Tape()
        with torch.no_grad(), forward_ad.dual_level():
            points = params.repeat(rows)
            dual = dual_number(points)
            objective, direct = split_dual(evaluate(program, dual, recording(rows, generator, tape, finite_site_of)))
            plain: Tape[FiniteSite] = Tape()
            jumps = []
            for entry in tape.draws:
                site, tangent = with_tangent(entry.site)
                plain.draws.append(Draw(site, entry.index))
                jumps.append(one_sided_jump(site, tangent, entry.index, generator))
        with torch.no_grad():
            total = torch.zeros_like(objective)
            for _ in range(self.lanes if jumps else 0):
                branch = _Branch.among(jumps, generator)
                alternative = evaluate(program, points, branch.replay(plain, generator))
                total += torch.where(branch.weight > 0, (alternative - objective) * branch.weight, 0.0)
        return total / self.lanes + direct

    def _leave_one_out(self, program: Program, params: Tensor, rows: int, generator: torch.Generator) -> Tensor:
        tape: Tape[FiniteSite] = Tape()
        leaf = row_leaf(params, rows)
        objective = evaluate(program, leaf, recording(rows, generator, tape, finite_site_of))
        surrogate = objective
        with torch.no_grad():
            jumps = [leave_one_out_jump(entry.site.detach(), entry.index, generator) for entry in tape.draws]
        for _ in range(self.lanes if jumps else 0):
            with torch.no_grad():
                branch = _Branch.among(jumps, generator)
                alternative = evaluate(program, leaf.detach(), branch.replay(tape, generator))
                gain = torch.where(branch.weight > 0, (alternative - objective) * branch.weight, 0.0) / self.lanes
            surrogate = surrogate + _flow(tape, jumps, branch, gain)
        return row_gradients(surrogate, leaf)


@dataclass(frozen=True, eq=False)
class _Branch:
    """The jump that each row keeps: which site, which element of it, to which index, and W over its rate's share."""

    site: Tensor
    position: Tensor
    alternative: Tensor
    weight: Tensor

    @classmethod
    def among(cls, jumps: list[Jump], generator: torch.Generator) -> _Branch:
        rates = torch.cat([jump.rate.flatten(1) if jump.rate.dim() > 1 else jump.rate[:, None] for jump in jumps], 1)
        targets = torch.cat([jump.alternative.reshape(len(rates), -1).long() for jump in jumps], 1)
        widths = torch.tensor([jump.rate[0].numel() for jump in jumps], device=rates.device)
        starts = widths.cumsum(0) - widths
        column = choose(rates, generator)
        site = torch.searchsorted(starts, column, right=True) - 1
        return cls(site, column - starts[site], _pick(targets, column), rates.sum(1))

    def replay(self, tape: Tape[FiniteSite], generator: torch.Generator) -> Sample:
        return replaying(tape, self.site, self.position, self.alternative, generator)


def _flow(tape: Tape[FiniteSite], jumps: list[Jump], branch: _Branch, gain: Tensor) -> Tensor:
    """Return ``gain / (rate density) p_s(j)``, ``[rows]``, whose gradient is that of the kept jump alone."""
    total = torch.zeros_like(gain)
    for number, (entry, jump) in enumerate(zip(tape.draws, jumps, strict=True)):
        if not entry.site.requires_grad or jump.density is None:
            continue
        rate, density, probability = (
            _pick(table.reshape(len(gain), -1), torch.where(branch.site == number, branch.position, 0))
            for table in (jump.rate, jump.density, entry.site.probability(jump.alternative))
        )
        kept = (branch.site == number) & (rate > 0)
        total = total + torch.where(kept, gain / (rate * density), 0.0) * probability
    return total


def _pick(table: Tensor, column: Tensor) -> Tensor:
    return table.gather(1, column.unsqueeze(1)).squeeze(1)

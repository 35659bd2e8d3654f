"""Bugs in rules that differentiate samples: weights, assembly, noise, and control variates made of relaxed samples."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.distributions import Distribution

from ....estimators.gumbel_rao import conditional_gumbels
from ....estimators.protocol import Program, evaluate, row_gradients, row_leaf
from ....estimators.runs.hard_run import HardRun
from ....estimators.runs.path_score import path_score
from ....estimators.runs.relaxed import differentiate, one_hot
from ....estimators.runs.tape import Draw, Tape, draw
from ....estimators.sites.reading import FiniteSite, finite_site_of

__all__ = ["FaultyRebar", "FaultyReinMax", "FaultySmoothedTriple", "IntegerOutput", "SoftForward", "WrongGumbel"]


@dataclass(frozen=True)
class FaultyReinMax:
    """ReinMax with other weights than (2, -1/2): ``first J((p + D) / 2) g + second J(p) g``."""

    first: float
    second: float

    def __call__(self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
        """Return replicates."""
        return differentiate(self.rule, program, params, num_samples, generator)

    def rule(self, site: FiniteSite, generator: torch.Generator) -> Tensor:
        """Return the hard sample with the weighted gradient."""
        drawn = one_hot(site, draw(site, generator))
        logits, probabilities = site.log_probabilities(), site.probabilities()
        shift = ((probabilities.detach() + drawn) / 2).log() - logits.detach()
        carried = self.first * torch.softmax(logits + shift, -1) + self.second * probabilities
        return drawn + carried - carried.detach()


@dataclass(frozen=True)
class SoftForward:
    """Straight-through the wrong way round: the gradient is right, but the program sees probabilities in place of samples."""

    def __call__(self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
        """Return replicates."""
        return differentiate(self.rule, program, params, num_samples, generator)

    def rule(self, site: FiniteSite, generator: torch.Generator) -> Tensor:
        """Return ``p + (D - sg(D))``, where ``D + (p - sg(p))`` was meant."""
        drawn = one_hot(site, draw(site, generator))
        return site.probabilities() + (drawn - drawn.detach())


@dataclass(frozen=True)
class IntegerOutput:
    """Samples returned as integers, which end the gradient."""

    def __call__(self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
        """Return replicates."""
        return differentiate(self.rule, program, params, num_samples, generator)

    def rule(self, site: FiniteSite, generator: torch.Generator) -> Tensor:
        """Return the one-hot sample, cast to integers."""
        return one_hot(site, draw(site, generator)).long()


@dataclass(frozen=True)
class FaultySmoothedTriple:
    """Smoothed triples of an index with the cumulative sum to the left off by one: it runs to i where i - 1 is meant."""

    def __call__(self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
        """Return replicates."""
        leaf = row_leaf(params, num_samples)

        def sample(distribution: Distribution) -> Tensor:
            site = finite_site_of(distribution, num_samples)
            index = draw(site, generator)
            derivative = (_shifted_weights(site.detach(), index) * site.probs).sum(-1)
            return site.from_index(index) + derivative - derivative.detach()

        return row_gradients(evaluate(program, leaf, sample), leaf)


def _shifted_weights(site: FiniteSite, index: Tensor) -> Tensor:
    drawn, category = index.unsqueeze(-1), torch.arange(site.num_categories)
    left = (category <= drawn).to(site.dtype)
    right = left * (drawn < site.num_categories - 1)
    return -(left + right) / (2 * site.probability(index).unsqueeze(-1))


@dataclass(frozen=True)
class FaultyRebar:
    """REBAR at temperature 1/2 with one fault.

    ``detached``: the conditional noise does not follow the parameters. ``twice``: the relaxed terms are counted twice.
    ``uncut``: the noise of the categories that were not drawn is not cut off at the drawn one's, so they may overtake it.
    ``late``: the drawn category's arrival is divided by its own probability, as if it had not won against all others.
    """

    fault: Literal["detached", "twice", "uncut", "late"]

    def __call__(self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
        """Return replicates."""
        run = HardRun.of(program, params, num_samples, generator)
        site, drawn = run.tape.draws[0].site, one_hot(run.tape.draws[0].site, run.tape.draws[0].index)
        logits = site.log_probabilities()
        fixed = logits.detach()
        relaxed = logits + (self._perturb(fixed, drawn, generator) - fixed)
        given = fixed if self.fault == "detached" else logits
        after = evaluate(program, run.leaf, _serving(site, relaxed))
        before = evaluate(program, run.leaf, _serving(site, self._perturb(given, drawn, generator)))
        weight = 2.0 if self.fault == "twice" else 1.0
        surrogate = (run.objective - before).detach() * run.score + weight * (after - before)
        return row_gradients(surrogate + run.objective, run.leaf)

    def _perturb(self, logits: Tensor, drawn: Tensor, generator: torch.Generator) -> Tensor:
        """Return perturbed logits given the drawn category, correct but for the faults of the noise itself."""
        if self.fault in ("detached", "twice"):
            return conditional_gumbels(logits, drawn, generator)
        times = torch.empty_like(logits).exponential_(generator=generator).log()
        first = (drawn * (times - logits if self.fault == "late" else times)).sum(-1, keepdim=True)
        others = times - logits if self.fault == "uncut" else torch.logaddexp(times - logits, first)
        return -torch.where(drawn.bool(), first, others)


def _serving(site: FiniteSite, perturbed: Tensor) -> Callable[[Distribution], Tensor]:
    return lambda distribution: site.from_one_hot(torch.softmax(2 * perturbed, -1))


@dataclass(frozen=True)
class WrongGumbel:
    """A score function whose categories are drawn by ``argmax(log p - log u)``: exponential noise where Gumbel is due."""

    def __call__(self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
        """Return replicates."""
        leaf = row_leaf(params, num_samples)
        tape: Tape[FiniteSite] = Tape()

        def sample(distribution: Distribution) -> Tensor:
            site = finite_site_of(distribution, num_samples)
            logits = site.detach().log_probabilities()
            noise = torch.empty_like(logits).exponential_(generator=generator)
            tape.draws.append(Draw(site, (logits + noise).argmax(-1)))
            return site.from_index(tape.draws[-1].index)

        objective = evaluate(program, leaf, sample)
        return row_gradients(objective.detach() * path_score(tape, objective) + objective, leaf)

"""Foreign surrogate losses of log-probabilities and costs, as estimators."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.distributions import Distribution

from ..protocol import ALL_SITES, Program, evaluate, row_gradients, row_leaf
from ..runs.tape import Tape, recording
from ..sites.held_probabilities import safe_log
from ..sites.reading import FiniteSite, finite_site_of
from .adapter import Adapter
from .answers import entry
from .black_box import loss_gradient
from .calling import answer
from .randomness import forked

__all__ = ["ForeignScoreLoss"]


@dataclass(frozen=True)
class ForeignScoreLoss(Adapter):
    r"""A foreign surrogate loss :math:`L(\log p(x), f(x))`, on any program.

    Outcomes are drawn from their sites' law; the loss is handed the log-probability of each row's whole path and its objective,
    detached. The estimate is :math:`\partial L / \partial \log p \cdot \nabla \log p(x) + \nabla f(x)`, the last term at fixed
    outcomes, which no log-probability can tell of. Where rows of a call depend on each other, a batch is one replicate, and a
    call. Cost: an evaluation a row of a batch.

    Args:
        target: The foreign callable.
        convention: How it is used; see `adapt`.

    Example:
        >>> from torch.distributions import Bernoulli
        >>> from gradverify.estimators.adapters.convention import Convention
        >>> arguments = (("", "log_prob"), ("", "cost"))
        >>> rule = Convention("surrogate loss", arguments, "log-probabilities", reduction="mean")
        >>> estimator = ForeignScoreLoss(lambda log_prob, cost: (log_prob * cost).mean(), rule)
        >>> program = lambda params, sample: sample(Bernoulli(params))
        >>> estimator(program, torch.tensor(0.5), 8, torch.Generator().manual_seed(0)).abs().unique()
        tensor([0., 2.])
    """

    sites: ClassVar[tuple[type[Distribution], ...]] = ALL_SITES

    @property
    def evaluations(self) -> int | None:
        """Evaluations a replicate: the rows of a batch whose rows depend on each other."""
        return self.convention.group

    def _run(self, target: Any, program: Program, params: Tensor, rows: int, generator: torch.Generator) -> Tensor:
        group = self.convention.group
        leaf = row_leaf(params, rows)
        tape: Tape[FiniteSite] = Tape()
        objective = evaluate(
            program, leaf.repeat_interleave(group, 0), recording(rows * group, generator, tape, finite_site_of)
        )
        score, log_prob = torch.zeros_like(objective), torch.zeros_like(objective.detach())
        for each in tape.draws:
            score = score + each.site.score_surrogate(each.index).reshape(len(score), -1).sum(1)
            log_prob = log_prob + safe_log(each.site.probability(each.index).detach()).reshape(len(score), -1).sum(1)
        with forked(generator, target):
            weights = self._weights(target, log_prob, objective.detach(), generator)
        return row_gradients((weights * score + objective).reshape(rows, group).mean(1), leaf)

    def _weights(self, target: Any, log_prob: Tensor, objective: Tensor, generator: torch.Generator) -> Tensor:
        """The derivative of a row's loss in its log-probability, of every row."""
        cost = -objective if self.convention.rewards else objective
        group = self.convention.group
        if group == 1:
            return self._slopes(target, log_prob, cost, generator)
        both = zip(log_prob.split(group), cost.split(group), strict=True)
        return torch.cat([self._slopes(target, *each, generator) for each in both])

    def _slopes(self, target: Any, log_prob: Tensor, cost: Tensor, generator: torch.Generator) -> Tensor:
        """The same of one call."""
        leaf = log_prob.requires_grad_()
        filled = {"log_prob": leaf, "cost": cost, "generator": generator}
        loss = entry(answer(target, self.convention, filled), self.convention)
        return loss_gradient(loss, leaf, self.convention)

"""Foreign surrogate losses of log-probabilities and costs: their convention, the estimator that uses it, the probe."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import torch
from torch import Tensor
from torch.distributions import Distribution

from ..protocol import ALL_SITES, Program, evaluate, row_gradients, row_leaf
from ..runs.tape import Tape, recording
from ..sites.site import safe_log
from .adapter import Adapter
from .answers import entries, entry
from .batches import REDUCTION_WORDS, BatchConvention, loss_gradient, value_words
from .calling import answer
from .convention import PASSED_WORDS
from .probe_batches import settled_batch
from .randomness import forked
from .reading import EVERY, PROBABILITIES
from .signature import names_rewards
from .trial import FEW_ROWS, PROBE_ROWS, Trial, handed_sample

__all__ = ["ForeignScoreLoss", "ScoreLossConvention", "find_score_loss"]


@dataclass(frozen=True, repr=False)
class ScoreLossConvention(BatchConvention):
    """How a surrogate loss is used that is handed log-probabilities and costs.

    Attributes:
        rewards: Its costs are called rewards, and it falls with them: they are handed over with their sign turned.
        gain: Its costs are called rewards, and it rises with them: it is read as what is to be maximised, and a wrong sign
            cannot show.
        right_value: Its own value is the objective's.
    """

    kind: ClassVar[str] = "surrogate loss"
    leaf: ClassVar[str] = "log_prob"
    is_loss: ClassVar[bool] = True
    sites: ClassVar[tuple[str, ...]] = EVERY

    rewards: bool = False
    gain: bool = False
    right_value: bool = False

    @property
    def evaluations(self) -> int:
        """Program evaluations a replicate: one a row."""
        return self.group

    def sentence(self) -> str:
        """The convention in words, for a report."""
        costs = "rewards (costs, negated)" if self.rewards else "rewards" if self.gain else "costs"
        gain = ["which rises with the rewards and is read as what is to be maximised"] if self.gain else []
        parts = [f"takes {self.takes} and {costs}{PASSED_WORDS[self.passed]} of a batch"]
        parts += [f"returns {REDUCTION_WORDS[self.reduction]}", *gain, value_words(self.right_value), *self.group_words]
        return self._in_words("a surrogate loss", parts)

    def adapt(self, target: Any) -> ForeignScoreLoss:
        """The estimator that hands a target the log-probabilities of whole paths."""
        return ForeignScoreLoss(target, self)

    def trial_call(self) -> dict[str, Any]:
        """Log-probabilities and costs of a few rows."""
        return _feed(FEW_ROWS)

    def with_group(self, size: int) -> Self:
        """The convention with another number of rows that are one replicate."""
        return replace(self, group=size)


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
        >>> arguments = (("", "log_prob"), ("", "cost"))
        >>> rule = ScoreLossConvention(arguments, "log-probabilities", reduction="mean")
        >>> estimator = ForeignScoreLoss(lambda log_prob, cost: (log_prob * cost).mean(), rule)
        >>> program = lambda params, sample: sample(Bernoulli(params))
        >>> estimator(program, torch.tensor(0.5), 8, torch.Generator().manual_seed(0)).abs().unique()
        tensor([0., 2.])
    """

    convention: ScoreLossConvention

    sites: ClassVar[tuple[type[Distribution], ...]] = ALL_SITES

    @property
    def evaluations(self) -> int | None:
        """Evaluations a replicate: the rows of a batch whose rows depend on each other."""
        return self.convention.group

    def _run(self, target: Any, program: Program, params: Tensor, rows: int, generator: torch.Generator) -> Tensor:
        group = self.convention.group
        leaf = row_leaf(params, rows)
        tape = Tape()
        objective = evaluate(program, leaf.repeat_interleave(group, 0), recording(rows * group, generator, tape))
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


def find_score_loss(trial: Trial) -> ScoreLossConvention | None:
    """The convention of a surrogate loss of log-probabilities and costs, such as REINFORCE's ``(log_prob * cost).mean()``.

    What calls its costs rewards or returns, and whose loss falls where they are high and likely, is handed their negatives;
    where it rises, it is read as what is to be maximised.

    Raises:
        AmbiguousTargetError: A scalar loss is neither a mean nor a sum.
    """
    for arguments in trial.arguments_for("cost"):
        found = _answered(trial, ScoreLossConvention(arguments, "log-probabilities", passed=trial.passed))
        if found is not None:
            return _settled(trial, found)
    return None


def _feed(rows: int, loud: float = 1.0) -> dict[str, Tensor]:
    """Log-probabilities of samples with the law `PROBABILITIES`, requiring a gradient, and a cubic cost of each sample."""
    index = handed_sample("index")[:rows]
    log_prob = torch.tensor(PROBABILITIES, dtype=torch.float64).log()[index].requires_grad_()
    cost = (index.double() + 0.6) ** 3
    return {"log_prob": log_prob, "cost": torch.cat((loud * cost[:1], cost[1:]))}


def _answered(trial: Trial, convention: ScoreLossConvention) -> ScoreLossConvention | None:
    """The convention with what the loss is: a row or a batch, with a gradient or without; None where there is none."""
    filled = _feed(PROBE_ROWS)
    read = []
    for place, tensor in entries(trial.attempt(convention, filled)):
        if tuple(tensor.shape) not in ((), (PROBE_ROWS,), (PROBE_ROWS, 1)) or not bool(torch.isfinite(tensor.detach()).all()):
            continue
        reduction, value = ("rows", filled["cost"]) if tensor.dim() else ("mean", filled["cost"].mean())
        right = bool(torch.allclose(tensor.detach().double().reshape(value.shape), value, rtol=1e-5))
        read.append(replace(convention, item=place, reduction=reduction, gradient_path=tensor.requires_grad, right_value=right))
    return next((each for each in read if each.gradient_path), read[0] if read else None)


def _settled(trial: Trial, convention: ScoreLossConvention) -> ScoreLossConvention:
    if not convention.gradient_path:
        return convention

    def slopes(tried: ScoreLossConvention, rows: int, loud: float) -> Tensor:
        filled = _feed(rows, loud)
        given = entries(trial.attempt(tried, filled))
        loss = next((each for place, each in given if place == tried.item), torch.zeros(0))
        if not loss.requires_grad:
            return torch.zeros(0)
        (slope,) = torch.autograd.grad(loss.sum(), filled["log_prob"], allow_unused=True)
        return torch.zeros(0) if slope is None else slope

    cost = _feed(PROBE_ROWS)["cost"]
    falls = bool(((cost - cost.mean()) * slopes(convention, PROBE_ROWS, 1.0)).sum() < 0)
    settled = settled_batch(convention, slopes, trial.hints.batch)
    called_rewards = names_rewards(trial.target, convention.arguments)
    return replace(settled, rewards=called_rewards and falls, gain=called_rewards and not falls)

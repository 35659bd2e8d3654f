"""Foreign surrogate losses of log-probabilities and costs: their convention, the estimator and the probe."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import torch
from torch import Tensor
from torch.distributions import Distribution

from ..protocol import ALL_SITES, Program, evaluate, row_gradients, row_leaf
from ..runs.tape import Tape, recording
from ..sites.held_probabilities import safe_log
from ..sites.reading import FiniteSite, finite_site_of
from .adapter import Adapter
from .answers import find_tensors, pick_tensor
from .batches import LOSS_WORDS, BatchConvention, describe_value, differentiate_loss
from .calling import call_target
from .convention import PASSED_WORDS
from .probe_batches import settle_batch
from .randomness import fork_randomness
from .reading import EVERY, PROBABILITIES
from .signature import has_rewards
from .trial import FEW_ROWS, PROBE_ROWS, Trial, make_samples

__all__ = ["ForeignScoreLoss", "ScoreLossConvention", "find_score_loss"]


@dataclass(frozen=True, repr=False)
class ScoreLossConvention(BatchConvention):
    """The convention of a surrogate loss that is handed log-probabilities and costs.

    Attributes:
        rewards: True if its costs are called rewards and the loss falls as they rise: negated costs are passed.
        gain: True if its costs are called rewards and it rises with them: it is read as a gain to be maximised, so that a wrong
            sign cannot be detected.
        right_value: True if the value of the loss is the value of the objective.
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
        """The number of program evaluations per replicate: one per row."""
        return self.group

    def sentence(self) -> str:
        """Describe the convention in one sentence for a report."""
        costs = "rewards (costs, negated)" if self.rewards else "rewards" if self.gain else "costs"
        gain = ["a gain that rises with the rewards and is to be maximised"] if self.gain else []
        parts = [f"takes {self.takes} and {costs}{PASSED_WORDS[self.passed]} of a batch"]
        parts += [f"returns {LOSS_WORDS[self.reduction]}", *gain, describe_value(self.right_value), *self.group_words]
        return self._write_sentence("a surrogate loss", parts)

    def adapt(self, target: Any) -> ForeignScoreLoss:
        """Return the estimator that hands the log-probabilities of whole paths to a target."""
        return ForeignScoreLoss(target, self)

    def fill_trial(self) -> dict[str, Any]:
        """Return the log-probabilities and costs of a few rows."""
        return _make_scores(FEW_ROWS)

    def with_group(self, size: int) -> Self:
        """Return the convention with another number of rows per replicate."""
        return replace(self, group=size)


@dataclass(frozen=True)
class ForeignScoreLoss(Adapter):
    r"""An estimator that calls a foreign surrogate loss :math:`L(\log p(x), f(x))`, on any program.

    Outcomes are drawn from the laws of their sites. The loss is handed, for each row, the log-probability of the whole path and
    the detached objective. The estimate is :math:`\partial L / \partial \log p \cdot \nabla \log p(x) + \nabla f(x)`. The last
    term is taken at fixed outcomes, and the log-probabilities do not contain it. If the rows of a call depend on each other,
    one call with a batch is one replicate. Cost: one evaluation per row of a batch.

    Args:
        target: The foreign callable.
        convention: The convention that it follows; see `find_convention`.

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
        """The number of evaluations per replicate, which is the number of rows per replicate."""
        return self.convention.group

    def _run(self, target: Any, program: Program, params: Tensor, rows: int, generator: torch.Generator) -> Tensor:
        group = self.convention.group
        leaf = row_leaf(params, rows)
        tape: Tape[FiniteSite] = Tape()
        objective = evaluate(
            program, leaf.repeat_interleave(group, 0), recording(rows * group, generator, tape, finite_site_of)
        )
        score, log_prob = torch.zeros_like(objective), torch.zeros_like(objective.detach())
        for drawn in tape.draws:
            score = score + drawn.site.score_surrogate(drawn.index).reshape(len(score), -1).sum(1)
            log_prob = log_prob + safe_log(drawn.site.probability(drawn.index).detach()).reshape(len(score), -1).sum(1)
        with fork_randomness(generator, target):
            weights = self._take_weights(target, log_prob, objective.detach(), generator)
        return row_gradients((weights * score + objective).reshape(rows, group).mean(1), leaf)

    def _take_weights(self, target: Any, log_prob: Tensor, objective: Tensor, generator: torch.Generator) -> Tensor:
        """Return the derivative of the loss in the log-probability of every row."""
        cost = -objective if self.convention.rewards else objective
        group = self.convention.group
        if group == 1:
            return self._differentiate(target, log_prob, cost, generator)
        batches = zip(log_prob.split(group), cost.split(group), strict=True)
        return torch.cat([self._differentiate(target, *batch, generator) for batch in batches])

    def _differentiate(self, target: Any, log_prob: Tensor, cost: Tensor, generator: torch.Generator) -> Tensor:
        """Call the loss once, and return its derivative in the log-probabilities."""
        leaf = log_prob.requires_grad_()
        filled = {"log_prob": leaf, "cost": cost, "generator": generator}
        loss = pick_tensor(call_target(target, self.convention, filled), self.convention)
        return differentiate_loss(loss, leaf, self.convention)


def find_score_loss(trial: Trial) -> ScoreLossConvention | None:
    """Return the convention of a surrogate loss of log-probabilities and costs, such as ``(log_prob * cost).mean()``.

    A loss may call its costs rewards, returns or advantages. If it falls where these are high and likely, it is handed negated
    costs. If it rises there, it is read as a gain to be maximised.

    Raises:
        AmbiguousTargetError: A scalar loss is neither a mean nor a sum.
    """
    for arguments in trial.arguments_for("cost"):
        convention = _read_loss(trial, ScoreLossConvention(arguments, "log-probabilities", passed=trial.passed))
        if convention is not None:
            return _complete(trial, convention)
    return None


def _make_scores(rows: int, loud: float = 1.0) -> dict[str, Tensor]:
    """Return log-probabilities of samples with the law `PROBABILITIES`, requiring a gradient, and the samples' cubic costs."""
    index = make_samples("index")[:rows]
    log_prob = torch.tensor(PROBABILITIES, dtype=torch.float64).log()[index].requires_grad_()
    cost = (index.double() + 0.6) ** 3
    return {"log_prob": log_prob, "cost": torch.cat((loud * cost[:1], cost[1:]))}


def _read_loss(trial: Trial, convention: ScoreLossConvention) -> ScoreLossConvention | None:
    """Return the convention with the place, the reduction and the gradient path of the loss; None if there is no loss."""
    filled = _make_scores(PROBE_ROWS)
    losses = []
    for place, tensor in find_tensors(trial.attempt(convention, filled)):
        if tuple(tensor.shape) not in ((), (PROBE_ROWS,), (PROBE_ROWS, 1)) or not bool(torch.isfinite(tensor.detach()).all()):
            continue
        reduction, value = ("rows", filled["cost"]) if tensor.dim() else ("mean", filled["cost"].mean())
        right = bool(torch.allclose(tensor.detach().double().reshape(value.shape), value, rtol=1e-5))
        losses.append(
            replace(convention, item=place, reduction=reduction, gradient_path=tensor.requires_grad, right_value=right)
        )
    return next((loss for loss in losses if loss.gradient_path), losses[0] if losses else None)


def _complete(trial: Trial, convention: ScoreLossConvention) -> ScoreLossConvention:
    """Return the convention with the reduction, the number of rows per replicate, and the sign of the costs."""
    if not convention.gradient_path:
        return convention

    def slopes(tried: ScoreLossConvention, rows: int, loud: float) -> Tensor:
        filled = _make_scores(rows, loud)
        given = find_tensors(trial.attempt(tried, filled))
        loss = next((tensor for place, tensor in given if place == tried.item), torch.zeros(0))
        if not loss.requires_grad:
            return torch.zeros(0)
        (slope,) = torch.autograd.grad(loss.sum(), filled["log_prob"], allow_unused=True)
        return torch.zeros(0) if slope is None else slope

    cost = _make_scores(PROBE_ROWS)["cost"]
    falls = bool(((cost - cost.mean()) * slopes(convention, PROBE_ROWS, 1.0)).sum() < 0)
    settled = settle_batch(convention, slopes, trial.hints.batch)
    named_rewards = has_rewards(trial.target, convention.arguments)
    return replace(settled, rewards=named_rewards and falls, gain=named_rewards and not falls)

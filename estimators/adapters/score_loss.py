"""Foreign surrogate losses of log-probabilities and costs: their convention, the estimator and the probe."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
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
from .randomness import copy_with_noise, fork_randomness
from .reading import EVERY, PROBABILITIES
from .trial import FEW_ROWS, PROBE_ROWS, Trial, make_samples

__all__ = ["ForeignScoreLoss", "ScoreLossConvention", "find_score_loss"]


@dataclass(frozen=True, repr=False)
class ScoreLossConvention(BatchConvention):
    """The convention of a surrogate loss that is handed log-probabilities and costs.

    Attributes:
        gain: True if the returned value is ascended, as the user states; otherwise it is descended.
        right_value: True if the value of the loss is the value of the objective.
    """

    kind: ClassVar[str] = "surrogate loss"
    leaf: ClassVar[str] = "log_prob"
    is_loss: ClassVar[bool] = True
    sites: ClassVar[tuple[str, ...]] = EVERY

    gain: bool = False
    right_value: bool = False

    @property
    def rewards(self) -> bool:
        """True if its costs are called rewards, so that negated costs are passed."""
        return "reward" in self.roles

    @property
    def evaluations(self) -> int:
        """The number of program evaluations per replicate: one per row."""
        return self.group

    def sentence(self) -> str:
        """Describe the convention in one sentence for a report."""
        costs = "rewards (costs, negated)" if self.rewards else "costs"
        gain = ["which is ascended (--maximize)"] if self.gain else []
        parts = [f"takes {self.takes} and {costs}{PASSED_WORDS[self.passed]} of a batch"]
        parts += [f"returns {LOSS_WORDS[self.reduction]}", *gain, describe_value(self.right_value)]
        parts += self.own_words + self.group_words
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
    the objective with its graph. The estimate is the gradient of the loss itself,
    :math:`\partial L / \partial \log p \cdot \nabla \log p(x) + \partial L / \partial f \cdot \nabla f(x)`, where the last
    gradient is taken at fixed outcomes; it is zero if the parameters enter through the samples alone, or if the convention cuts
    it. If the rows of a call depend on each other, one call with a batch is one replicate. Cost: one evaluation per row of a
    batch.

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
        return self.convention.group * self.convention.calls

    def _run(self, target: Any, program: Program, params: Tensor, rows: int, generator: torch.Generator) -> Tensor:
        group = self.convention.group * self.convention.calls
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
            keeps = objective.requires_grad and self.convention.objective_gradient == "keep"
            values = (log_prob.requires_grad_(), objective.detach().requires_grad_(keeps))
            weights = self._take_weights(target, values, generator)
        surrogate = weights[0] * score + (weights[1] * objective if keeps else 0)
        return row_gradients(surrogate.reshape(rows, group).mean(1), leaf)

    def _take_weights(self, target: Any, values: tuple[Tensor, Tensor], generator: torch.Generator) -> list[Tensor]:
        """Return the derivatives of the loss in the log-probability of every row, and in its objective if that has a graph."""
        group, calls = self.convention.group, self.convention.calls
        if group == 1 and calls == 1:
            return self._differentiate(target, values, generator)
        required = [value.requires_grad for value in values]
        batches = [
            tuple(map(Tensor.requires_grad_, batch, required))
            for batch in zip(*(value.detach().split(group) for value in values), strict=True)
        ]
        if calls == 1:
            found = [self._differentiate(target, batch, generator) for batch in batches]
        else:
            replicates = (batches[start : start + calls] for start in range(0, len(batches), calls))
            found = [each for replicate in replicates for each in self._follow_state(target, replicate, generator)]
        return [torch.cat(parts) for parts in zip(*found, strict=True)]

    def _follow_state(self, target: Any, batches: list[tuple[Tensor, ...]], generator: torch.Generator) -> list[list[Tensor]]:
        """Call the loss on several batches in a row, from the state as it was handed, and return the derivatives of each."""
        with copy_with_noise(target, generator) as fresh:
            return [self._differentiate(fresh, batch, generator) for batch in batches]

    def _differentiate(self, target: Any, values: tuple[Tensor, ...], generator: torch.Generator) -> list[Tensor]:
        """Call the loss once, and return its derivatives in the values that require a gradient."""
        log_prob, objective = values
        # A copy, because a leaf cannot be changed in place.
        cost = objective.clone() if objective.requires_grad else objective
        filled = {"log_prob": log_prob, "cost": cost, "reward": -objective, "generator": generator}
        loss = pick_tensor(call_target(target, self.convention, filled), self.convention)
        loss = -loss if self.convention.gain else loss
        return differentiate_loss(loss, [value for value in values if value.requires_grad], self.convention)


def find_score_loss(trial: Trial) -> ScoreLossConvention | None:
    """Return the convention of a surrogate loss of log-probabilities and costs, such as ``(log_prob * cost).mean()``.

    The name of its second argument tells the sign: a cost is minimised, and a reward, return, advantage or score is the negated
    cost. The returned value is descended, unless the user states that it is ascended.

    Raises:
        AmbiguousTargetError: A scalar loss is neither a mean nor a sum.
    """
    for arguments in (*trial.arguments_for("cost", "log_prob"), *trial.arguments_for("reward", "log_prob")):
        convention = _read_loss(trial, ScoreLossConvention(arguments, "log-probabilities", passed=trial.passed))
        if convention is not None:
            return _complete(trial, convention)
    return None


def _make_scores(rows: int, loud: float = 1.0, *, own: bool = False, seed: int = 0) -> dict[str, Tensor]:
    """Return log-probabilities of samples with the law `PROBABILITIES`, requiring a gradient, and the samples' cubic costs.

    The costs require a gradient if they have one of their own.
    """
    index = make_samples("index").roll(-seed * rows)[:rows]
    log_prob = torch.tensor(PROBABILITIES, dtype=torch.float64).log()[index].requires_grad_()
    cost = (index.double() + 0.6) ** 3
    cost = torch.cat((loud * cost[:1], cost[1:])).requires_grad_(own)
    return {"log_prob": log_prob, "cost": cost, "reward": -cost}


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
    """Return the convention with the reduction, the number of rows per replicate, and what the user states."""
    slopes, own_slopes = (partial(_take_slopes, trial, leaf) for leaf in ("log_prob", "cost"))
    convention = replace(
        convention,
        carries=bool(own_slopes(convention, FEW_ROWS, 1.0).any()),
        objective_gradient=trial.hints.objective_gradient,
        gain=trial.hints.maximize,
    )
    if not convention.gradient_path:
        return settle_batch(convention, own_slopes, trial.hints.batch) if convention.carries else convention
    settled: ScoreLossConvention = settle_batch(convention, slopes, trial.hints.batch)
    return settled


def _take_slopes(trial: Trial, leaf: str, convention: ScoreLossConvention, rows: int, loud: float, seed: int = 0) -> Tensor:
    """Return the derivatives of a call's loss in the log-probabilities or the costs, ``[rows]``; nothing if it has none."""
    filled = _make_scores(rows, loud, own=leaf == "cost", seed=seed)
    given = find_tensors(trial.attempt(convention, filled, seed))
    loss = next((tensor for place, tensor in given if place == convention.item), torch.zeros(0))
    if not loss.requires_grad:
        return torch.zeros(0)
    (slope,) = torch.autograd.grad(loss.sum(), filled[leaf], allow_unused=True)
    return torch.zeros(0) if slope is None else slope

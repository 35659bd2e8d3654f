"""The score function over outcomes drawn without replacement: importance-weighted, normalised, and as an unordered set."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from .hyper_parameters import require_at_least
from .protocol import CATEGORICAL_SITES, Claims, NotApplicableError, Program
from .runs.exponential_noise import exponential_like
from .runs.outcomes import JointOutcomes, joint_outcomes
from .runs.tape import choose

__all__ = ["NormalisedWithoutReplacement", "UnorderedSet", "WithoutReplacement"]


@dataclass(frozen=True)
class WithoutReplacement:
    """Importance-weighted REINFORCE over k distinct outcomes.

    The first k arrivals of exponential clocks with rates p_i (a Gumbel top-k) are kept, outcomes being those of all sites
    together. Given the arrival time T of the next one, outcome i is kept with probability ``q_i = 1 - exp(-p_i T)``; with w_i =
    p_i / q_i the estimate is ``sum_i w_i f_i s_i + w_i grad f_i``, or with a baseline ``sum_i w_i (f_i (1 - p_i + w_i) -
    sum_j w_j f_j) s_i + w_i grad f_i``. Unbiased, with heavy tails, since w_i grows as 1 / T and P(T < t) as t^(k+1): the
    variance is finite from k = 2 on without the baseline, from k = 4 on with it. Where no more than k outcomes are
    possible it is the exact sum. Cost: k evaluations.

    Args:
        kept: k.
        baseline: Subtract the others' weighted sum; it needs two outcomes.
        max_outcomes: The most joint outcomes to list.

    Raises:
        NotApplicableError: k is below one (two with the baseline), sites depend on earlier outcomes, or outcomes are too many.

    Example:
        >>> import torch
        >>> from torch.distributions import Categorical
        >>> program = lambda params, sample: sample(Categorical(logits=params)) ** 2
        >>> WithoutReplacement(kept=2)(program, torch.zeros(4), 5, torch.Generator()).shape
        torch.Size([5, 4])

    References:
        Kool, van Hoof and Welling (2019), arXiv 1903.06059 (sampling) and Buy 4 REINFORCE samples, get a baseline for free!
    """

    kept: int = 2
    baseline: bool = False
    max_outcomes: int = 2**12

    claims: ClassVar[Claims] = Claims(bias="unbiased")
    sites: ClassVar[tuple[type, ...]] = CATEGORICAL_SITES
    forward: ClassVar[str] = "forced"
    reference: ClassVar[str] = "Kool et al. 2019"

    def __post_init__(self) -> None:
        require_at_least("without replacement", 1 + self.baseline, kept=self.kept)

    @property
    def evaluations(self) -> int | None:
        """The number of runs, k."""
        return self.kept

    def __call__(
        self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator
    ) -> Float[Tensor, "{num_samples} *param"]:
        """Return replicates, ``[num_samples, *param]``."""
        outcomes = joint_outcomes("without replacement", program, params, self.max_outcomes)
        chosen, weight = _first_arrivals(outcomes, self.kept, num_samples, generator)
        runs = outcomes.run(program, params, chosen)
        advantage = runs.values
        if self.baseline:
            own = 1 - outcomes.probs[chosen] + weight
            advantage = runs.values * own - (weight * runs.values).sum(1, keepdim=True)
        return runs.gradient(weight * advantage, weight)


@dataclass(frozen=True)
class NormalisedWithoutReplacement:
    """REINFORCE over k distinct outcomes, its importance weights normalised.

    ``sum_i w_i / (W - w_i + p_i) (f_i - B / W) s_i + w_i / W grad f_i`` with w_i as in `WithoutReplacement`, ``W = sum w_i``,
    ``B = sum w_i f_i``. Biased, of lower variance: the weights cannot run away together; the bias falls as k grows, and is
    zero where no more than k outcomes are possible. Cost: k evaluations.

    Args:
        kept: k, at least two: of one outcome the normalised baseline leaves nothing.
        max_outcomes: The most joint outcomes to list.

    Raises:
        NotApplicableError: k is below two, sites depend on earlier outcomes, or there are too many outcomes.

    Example:
        >>> import torch
        >>> from torch.distributions import Categorical
        >>> program = lambda params, sample: sample(Categorical(logits=params)) ** 2
        >>> NormalisedWithoutReplacement(kept=2)(program, torch.zeros(4), 5, torch.Generator()).shape
        torch.Size([5, 4])

    References:
        Kool, van Hoof and Welling (2019), Buy 4 REINFORCE samples, get a baseline for free!
    """

    kept: int = 2
    max_outcomes: int = 2**12

    claims: ClassVar[Claims] = Claims(bias="biased")
    sites: ClassVar[tuple[type, ...]] = CATEGORICAL_SITES
    forward: ClassVar[str] = "forced"
    reference: ClassVar[str] = "Kool et al. 2019"

    def __post_init__(self) -> None:
        require_at_least("normalised without replacement", 2, kept=self.kept)

    @property
    def evaluations(self) -> int | None:
        """The number of runs, k."""
        return self.kept

    def __call__(
        self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator
    ) -> Float[Tensor, "{num_samples} *param"]:
        """Return replicates, ``[num_samples, *param]``."""
        outcomes = joint_outcomes("normalised without replacement", program, params, self.max_outcomes)
        chosen, weight = _first_arrivals(outcomes, self.kept, num_samples, generator)
        runs = outcomes.run(program, params, chosen)
        total = weight.sum(1, keepdim=True)
        baseline = (weight * runs.values).sum(1, keepdim=True) / total
        share = weight / (total - weight + outcomes.probs[chosen])
        return runs.gradient(share * (runs.values - baseline), weight / total)


@dataclass(frozen=True)
class UnorderedSet:
    """REINFORCE over an unordered set S of k distinct outcomes.

    ``sum_{s in S} grad p(s) R(s) (f(s) - sum_{s' in S} p(s') R2(s, s') f(s')) + p(s) R(s) grad f(s)``, outcomes those of all
    sites together. P(S) is the probability that k draws without replacement give S; ``R(s) = P(S - s | s first) / P(S)`` and
    ``R2(s, s') = P(S - s - s' | s, s' first) / P(S - s | s first)``, R2(s, s) = 1. It is the conditional expectation of the
    score function given S, with the other outcomes as its baseline: unbiased, with the least variance of any estimate from
    the set alone. Where no more than k outcomes are possible it is the exact sum. Cost: k evaluations, and O(2^k)
    arithmetic.

    Args:
        kept: k.
        baseline: Subtract the set's own estimate of E f; it needs two outcomes.
        max_outcomes: The most joint outcomes to list.

    Raises:
        NotApplicableError: k is not between 1 (2 with the baseline) and 10, sites depend on earlier outcomes, or outcomes are
            too many.

    Example:
        >>> import torch
        >>> from torch.distributions import Categorical
        >>> program = lambda params, sample: sample(Categorical(logits=params)) ** 2
        >>> UnorderedSet(kept=2)(program, torch.zeros(4), 5, torch.Generator()).shape
        torch.Size([5, 4])

    References:
        Kool, van Hoof and Welling (2020), Estimating gradients for discrete random variables by sampling without replacement.
    """

    kept: int = 2
    baseline: bool = True
    max_outcomes: int = 2**12

    claims: ClassVar[Claims] = Claims(bias="unbiased")
    sites: ClassVar[tuple[type, ...]] = CATEGORICAL_SITES
    forward: ClassVar[str] = "forced"
    reference: ClassVar[str] = "Kool et al. 2020"

    def __post_init__(self) -> None:
        require_at_least("unordered set", 1 + self.baseline, kept=self.kept)
        if self.kept > 10:
            raise NotApplicableError(f"unordered set: kept={self.kept}; its 2^k subsets are summed, keep 10 at most")

    @property
    def evaluations(self) -> int | None:
        """The number of runs, k."""
        return self.kept

    def __call__(
        self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator
    ) -> Float[Tensor, "{num_samples} *param"]:
        """Return replicates, ``[num_samples, *param]``."""
        outcomes = joint_outcomes("unordered set", program, params, self.max_outcomes)
        chosen, rest = _draw_distinct(outcomes, self.kept, num_samples, generator)
        probs, runs = outcomes.probs[chosen], outcomes.run(program, params, chosen)
        without = torch.stack([_set_probability(_drop(probs, i), rest) for i in range(probs.shape[1])], 1)
        weight = probs * without / _set_probability(probs, rest).unsqueeze(1)
        advantage = runs.values
        if self.baseline:
            advantage = runs.values - (_second_order(probs, rest, without) * (probs * runs.values).unsqueeze(1)).sum(2)
        return runs.gradient(weight * advantage, weight)


def _first_arrivals(outcomes: JointOutcomes, kept: int, rows: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Draw the first k arrivals and their weights ``p / (1 - exp(-p T))``, T the next arrival's: ``[rows, k]`` each."""
    probs = outcomes.probs.expand(rows, -1)
    arrival = exponential_like(probs, generator) / probs
    if kept >= probs.shape[1]:
        everything = torch.arange(probs.shape[1], device=probs.device).expand(rows, -1)
        return everything, probs
    times, order = arrival.topk(kept + 1, largest=False)
    chosen = order[:, :kept]
    drawn = probs.gather(1, chosen)
    # The product may round to zero, by which nothing can be divided.
    included = -torch.expm1(-drawn * times[:, kept:])
    return chosen, drawn / included.clamp(min=torch.finfo(probs.dtype).tiny)


def _draw_distinct(outcomes: JointOutcomes, kept: int, rows: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Draw k distinct outcomes in turn, ``[rows, k]``; return them and the probability of all others, ``[rows]``."""
    remaining = outcomes.probs.repeat(rows, 1)
    chosen = []
    for _ in range(min(kept, remaining.shape[1])):
        chosen.append(choose(remaining, generator))
        remaining = remaining.scatter(1, chosen[-1].unsqueeze(1), 0.0)
    return torch.stack(chosen, 1), remaining.sum(1)


def _set_probability(probs: Tensor, rest: Tensor) -> Tensor:
    """Return the probability that m draws without replacement give just these m outcomes, in any order.

    By recursion over subsets A: ``F(A) = sum_{a in A} F(A - a) p_a / (rest + sum of what is not in A - a)``. All terms are
    positive: nothing cancels when the set holds nearly everything.

    Args:
        probs: ``[rows, m]``, not necessarily normalised.
        rest: The weight of the outcomes that are not in the set, ``[rows]``.

    Returns:
        ``[rows]``.
    """
    columns = probs.unbind(1)
    count = len(columns)
    reached: list[Tensor] = [torch.ones_like(rest)] + ((1 << count) - 1) * [torch.zeros_like(rest)]
    for subset in range(1 << count):
        outside = [each for each in range(count) if not subset >> each & 1]
        left = sum((columns[member] for member in outside), start=rest)
        for member in outside:
            larger = subset | 1 << member
            reached[larger] = reached[larger] + reached[subset] * columns[member] / left
    return reached[-1]


def _second_order(probs: Tensor, rest: Tensor, without: Tensor) -> Tensor:
    """Return R2 of every two outcomes of the set, with one on the diagonal: ``[rows, k, k]``."""
    count = probs.shape[1]
    ratio = torch.ones(len(probs), count, count, dtype=probs.dtype, device=probs.device)
    for i in range(count):
        for j in range(i):
            both = _set_probability(_drop(_drop(probs, i), j), rest)
            ratio[:, i, j], ratio[:, j, i] = both / without[:, i], both / without[:, j]
    return ratio


def _drop(table: Tensor, column: int) -> Tensor:
    return torch.cat((table[:, :column], table[:, column + 1 :]), 1)

"""The score-function estimator: plain, with a constant baseline, and leave-one-out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, Self

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Distribution

from .hyper_parameters import require_at_least
from .markov import MarkovProgram
from .protocol import ALL_SITES, Claims, Program, evaluate, row_gradients, row_leaf
from .runs.path_score import add_score, score_factors
from .runs.tape import draw, own_value, sampling
from .sites.reading import site_of

__all__ = ["FittedBaseline", "LeaveOneOut", "ScoreFunction", "mean_objective"]


@dataclass(frozen=True)
class ScoreFunction:
    """The score function, with a constant baseline b.

    ``(f(x) - b) sum_k grad log p(x_k) + grad f(x)`` (the last term at fixed outcomes). Unbiased for every b that does not
    depend on x; the support must not depend on the parameters. Variance grows as E f^2 (n^3 for d/dp E[X_n^2] on the random
    walk), with b = E f as Var f (n^2). Cost: one evaluation.

    Args:
        baseline: b. `fit` sets it to the mean of pilot objectives.

    Example:
        >>> import torch
        >>> from torch.distributions import Bernoulli
        >>> program = lambda params, sample: sample(Bernoulli(params))
        >>> rows = ScoreFunction()(program, torch.tensor(0.5), 1000, torch.Generator().manual_seed(0))
        >>> sorted(set(rows.abs().tolist()))
        [0.0, 2.0]

    References:
        Williams (1992), Simple statistical gradient-following algorithms for connectionist reinforcement learning.
    """

    baseline: float = 0.0

    claims: ClassVar[Claims] = Claims(bias="unbiased", variance_exponent=3.0)
    sites: ClassVar[tuple[type, ...]] = ALL_SITES
    evaluations: ClassVar[int | None] = 1
    reference: ClassVar[str] = "Williams 1992"

    def __call__(
        self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator
    ) -> Float[Tensor, "{num_samples} *param"]:
        """Return replicates, ``[num_samples, *param]``."""
        objective, score, direct = _score_run(program, params, num_samples, generator)
        return _weigh(objective - self.baseline, score, direct)


@dataclass(frozen=True)
class FittedBaseline(ScoreFunction):
    """The score function with its baseline fitted: b = the mean objective of separate pilot rows.

    Call `fit` first; unfitted it is the plain score function. A constant fitted on other rows leaves the estimate unbiased.

    References:
        Williams (1992), section 4; Greensmith, Bartlett and Baxter (2004).
    """

    claims: ClassVar[Claims] = Claims(bias="unbiased", variance_exponent=2.0)

    def fit(self, program: Program, params: Tensor, *, num_samples: int, generator: torch.Generator) -> Self:
        """Return the same estimator with ``baseline`` set to the mean objective of `num_samples` rows."""
        return replace(self, baseline=mean_objective(program, params, num_samples, generator))


@dataclass(frozen=True)
class LeaveOneOut:
    """The score function over groups of K runs, each with the others' mean as its baseline.

    ``1 / (K - 1) sum_k (f_k - mean f) grad log p(x_k) + mean grad f`` per replicate. Unbiased; a group is one replicate.
    Cost: K evaluations.

    Args:
        group: K, at least two.

    Raises:
        NotApplicableError: K is below two: there is nothing to leave out.

    Example:
        >>> import torch
        >>> from torch.distributions import Bernoulli
        >>> program = lambda params, sample: sample(Bernoulli(params))
        >>> LeaveOneOut(group=4)(program, torch.tensor(0.5), 8, torch.Generator()).shape
        torch.Size([8])

    References:
        Mnih and Rezende (2016), arXiv 1602.06725; Salimans and Knowles (2014); Kool, van Hoof and Welling (2019).
    """

    group: int = 2

    claims: ClassVar[Claims] = Claims(bias="unbiased", variance_exponent=2.0)
    sites: ClassVar[tuple[type, ...]] = ALL_SITES
    reference: ClassVar[str] = "Mnih & Rezende 2016"

    def __post_init__(self) -> None:
        require_at_least("leave-one-out", 2, "a baseline from the others", group=self.group)

    @property
    def evaluations(self) -> int | None:
        """The number of runs, K."""
        return self.group

    def __call__(
        self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator
    ) -> Float[Tensor, "{num_samples} *param"]:
        """Return replicates, ``[num_samples, *param]``."""
        objective, score, direct = _score_run(program, params, num_samples * self.group, generator)
        groups = objective.reshape(num_samples, self.group)
        advantage = (groups - groups.mean(1, keepdim=True)) * (self.group / (self.group - 1))
        rows = _weigh(advantage.reshape(-1), score, direct)
        return rows.reshape(num_samples, self.group, *params.shape).mean(1)


def mean_objective(program: Program, params: Tensor, rows: int, generator: torch.Generator) -> float:
    """Return the mean objective of a number of plain rows, to which a baseline is fitted."""
    require_at_least("baseline", 1, "its fit", num_samples=rows)
    with torch.no_grad():
        points = params.detach().expand(rows, *params.shape)
        return float(evaluate(program, points, sampling(rows, generator)).double().mean())


def _score_run(program: Program, params: Tensor, rows: int, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor | None]:
    """Return the objective ``[rows]``, the score ``[rows, *param]``, and the objective's own derivative if it has one."""
    leaf = row_leaf(params, rows)
    if isinstance(program, MarkovProgram):
        state = program.initial(leaf)
        if not state.requires_grad:
            return _score_walk(program, leaf, state, generator)
    score = torch.zeros(rows, dtype=params.dtype, device=params.device)

    def sample(distribution: Distribution) -> Tensor:
        nonlocal score
        site = site_of(distribution, rows)
        index = draw(site, generator)
        if site.requires_grad:
            score = add_score(score, site, index)
        return own_value(site, index)

    objective = evaluate(program, leaf, sample)
    if not objective.requires_grad:
        return objective, row_gradients(score, leaf), None
    direct = row_gradients(objective, leaf, retain_graph=True)
    return objective.detach(), row_gradients(score, leaf), direct


def _score_walk(program: MarkovProgram, leaf: Tensor, state: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor, None]:
    """Score a Markov program step by step: hard states carry no gradient, so each step's score is final once it is drawn.

    Memory does not grow with the number of steps, and no graph has to be kept.
    """
    rows = leaf.shape[0]
    score = torch.zeros_like(leaf, requires_grad=False)
    for k in range(program.num_steps):
        site = site_of(program.site(leaf, state, k), rows)
        index = draw(site.detach(), generator)
        if site.requires_grad:
            connected, weight = score_factors(site, index)
            (term,) = torch.autograd.grad(connected, leaf, weight, retain_graph=True)  # a program may share parts
            score += term
        state = program.step(state, own_value(site, index), k)
    return program.objective(state), score, None


def _weigh(weight: Tensor, score: Tensor, direct: Tensor | None) -> Tensor:
    """Return ``weight * score + direct``, row by row."""
    rows = weight.reshape(-1, *(1 for _ in score.shape[1:])) * score
    return rows if direct is None else rows + direct

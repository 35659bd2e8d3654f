"""Score functions with a linear control variate: MuProp and the double control variate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Distribution

from .hyper_parameters import require_at_least
from .protocol import FINITE_SITES, Claims, Program, evaluate, row_gradients
from .runs.hard_run import HardRun
from .sites.reading import finite_site_of

__all__ = ["DoubleControlVariate", "MuProp", "best_coefficient"]


@dataclass(frozen=True)
class MuProp:
    """The score function with the objective's linearisation about the mean field as control variate.

    ``(f(x) - f(m) - sum_k d_k (x_k - mu_k)) sum_k grad log p(x_k) + sum_k d_k grad mu_k + grad f``: the mean-field run
    replaces every sample by its mean m and gives the slopes d, and ``mu_k`` is the mean of site k given what was drawn
    before it. Each ``x_k - mu_k`` is a martingale difference, so the estimate is unbiased for chained programs too. Exact,
    without variance, for objectives that are linear in independent samples. Cost: one evaluation, one of the mean field
    and its derivative; the program has to run at means.

    Example:
        >>> import torch
        >>> from torch.distributions import Bernoulli
        >>> program = lambda params, sample: 3 + 2 * sample(Bernoulli(params))
        >>> MuProp()(program, torch.tensor(0.5), 2, torch.Generator())
        tensor([2., 2.])

    References:
        Gu, Levine, Sutskever and Mnih (2015), arXiv 1511.05176.
    """

    claims: ClassVar[Claims] = Claims(bias="unbiased")
    sites: ClassVar[tuple[type, ...]] = FINITE_SITES
    needs_differentiable: ClassVar[bool] = True
    evaluations: ClassVar[int | None] = 2
    reference: ClassVar[str] = "Gu et al. 2015"

    def __call__(
        self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator
    ) -> Float[Tensor, "{num_samples} *param"]:
        """Return replicates, ``[num_samples, *param]``."""
        run = HardRun.of(program, params, num_samples, generator)
        centre, slopes = _mean_field(program, run.leaf.detach())
        residual = run.objective.detach() - centre - run.deviation(slopes)
        return row_gradients(residual * run.score + run.compensation(slopes) + run.objective, run.leaf)


@dataclass(frozen=True)
class DoubleControlVariate:
    """Leave-one-out with a second, linear control variate that is built from the other runs.

    For a group of K runs, ``d_{-k}`` the mean slope of the objective in the others' samples and
    ``c_k = a sum_s d_{-k,s} (x_{k,s} - mu_{k,s})``:
    ``(1 / K) sum_k [f_k + c_k - mean_{j != k} (f_j + c_j)] score_k - a sum_s d_{-k,s} grad mu_{k,s} + grad f_k``, with mu_{k,s}
    the mean of site s given what run k drew before it. Unbiased for every a; a = 0 is leave-one-out. Cost: K evaluations
    and their derivatives.

    Args:
        coefficient: a. `fit` sets it to the minimiser of the pilot rows' mean squared norm, usually near -1.
        group: K, at least two.

    Raises:
        NotApplicableError: K is below two.

    Example:
        >>> import torch
        >>> from torch.distributions import Bernoulli
        >>> program = lambda params, sample: 3 + 2 * sample(Bernoulli(params))
        >>> DoubleControlVariate(coefficient=-1.0)(program, torch.tensor(0.5), 2, torch.Generator())
        tensor([2., 2.])

    References:
        Titsias and Shi (2021), Double control variates for gradient estimation, arXiv 2111.05300.
    """

    coefficient: float = 0.0
    group: int = 2

    claims: ClassVar[Claims] = Claims(bias="unbiased")
    sites: ClassVar[tuple[type, ...]] = FINITE_SITES
    needs_differentiable: ClassVar[bool] = True
    reference: ClassVar[str] = "Titsias & Shi 2021"

    def __post_init__(self) -> None:
        require_at_least("double control variate", 2, "the others' slope", group=self.group)

    @property
    def evaluations(self) -> int | None:
        """The number of runs, K."""
        return self.group

    def __call__(
        self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator
    ) -> Float[Tensor, "{num_samples} *param"]:
        """Return replicates, ``[num_samples, *param]``."""
        run = HardRun.of(program, params, num_samples * self.group, generator, sloped=True)
        slopes = [self.coefficient * self._average_others(each) for each in run.slopes()]
        controlled = run.objective.detach() + run.deviation(slopes)
        advantage = controlled - self._average_others(controlled)
        rows = row_gradients(advantage * run.score - run.compensation(slopes) + run.objective, run.leaf)
        return rows.reshape(num_samples, self.group, *params.shape).mean(1)

    def fit(self, program: Program, params: Tensor, *, num_samples: int, generator: torch.Generator) -> Self:
        """Return the same estimator with the coefficient that minimises the squared norm of `num_samples` pilot replicates."""
        state = generator.get_state()

        def rows(coefficient: float) -> Tensor:
            generator.set_state(state)
            return replace(self, coefficient=coefficient)(program, params, num_samples, generator)

        return replace(self, coefficient=best_coefficient(rows)[0])

    def _average_others(self, rows: Tensor) -> Tensor:
        """Return the mean of the group's other rows, shaped like ``rows``."""
        groups = rows.reshape(-1, self.group, *rows.shape[1:])
        return ((groups.sum(1, keepdim=True) - groups) / (self.group - 1)).reshape(rows.shape)


def best_coefficient(rows: Callable[[float], Tensor]) -> tuple[float, float]:
    """Return the coefficient that leaves replicates the smallest sum of squares, and that sum.

    A replicate is linear in the coefficient of its control variate, ``A + a B``, so the minimiser is ``-<A, B> / <B, B>``.

    Args:
        rows: The replicates at a coefficient, ``[rows, *param]``, the same draws each time.

    Example:
        >>> best_coefficient(lambda a: torch.tensor([3.0 + a, 1.0]))
        (-3.0, 1.0)
    """
    at_zero = rows(0.0).double()
    slope = rows(1.0).double() - at_zero
    norm = float(slope.square().sum())
    best = -float((at_zero * slope).sum()) / norm if norm > 0 else 0.0
    return best, float((at_zero + best * slope).square().sum())


def _mean_field(program: Program, params: Tensor) -> tuple[Tensor, list[Tensor]]:
    """Return the objective of the run in which every sample is its mean, and its total derivative in each of them."""
    rows = params.shape[0]
    values: list[Tensor] = []

    def sample(distribution: Distribution) -> Tensor:
        site = finite_site_of(distribution, rows)
        mean = site.from_one_hot(site.probabilities())
        values.append(mean if mean.requires_grad else mean.requires_grad_())
        return values[-1]

    objective = evaluate(program, params, sample)
    if not objective.requires_grad:
        return objective, [torch.zeros_like(value) for value in values]
    gradients = torch.autograd.grad(objective.sum(), values, allow_unused=True)
    slopes = [torch.zeros_like(value) if slope is None else slope for slope, value in zip(gradients, values, strict=True)]
    return objective.detach(), [each.detach() for each in slopes]

"""Exact mode: an estimator run over all outcomes of its own randomness."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..protocol import Estimator, NotApplicableError, Program
from .branching import BranchSource, UndecidedError

__all__ = ["Branches", "enumerate_branches", "exact_moments"]


@dataclass(frozen=True, eq=False)
class Branches:
    """Every row that an estimator can return, with its probability.

    Attributes:
        weight: ``[branches]``, float64.
        rows: ``[branches, *param]``, float64.
    """

    weight: Tensor
    rows: Tensor

    def mean(self) -> Tensor:
        """Return the mean, ``[*param]``."""
        return _average(self.weight, self.rows)

    def variance(self) -> Tensor:
        """Return the variance of each coordinate, ``[*param]``."""
        return _average(self.weight, (self.rows - self.mean()).square())


def exact_moments(estimator: Estimator, program: Program, params: Tensor, max_branches: int = 2**18) -> tuple[Tensor, Tensor]:
    """Return the exact mean and the exact variance of one replicate.

    The estimator is handed a source that decides its draws from a table. It is run until it requests a draw that the table
    does not hold; every branch is then split over the outcomes of that draw, and the estimator starts again. A run whose
    draws are all decided holds every possible row, and the products of the outcomes' probabilities are their weights. Draws
    that share a uniform are split over the cells of [0, 1] on which all their outcomes are constant. Its error is rounding:
    1e-12 and less for small programs in float64.

    Cost: as many runs as the estimator makes draws, the last with all branches as rows.

    Args:
        estimator: One whose randomness is finite: all drawn through the tape.
        program: The program.
        params: ``[*param]``.
        max_branches: The most branches to follow.

    Returns:
        Mean and variance, ``[*param]`` each, float64.

    Raises:
        NotApplicableError: The estimator draws noise that has no finite list of outcomes, or there are too many branches.

    Example:
        >>> import torch
        >>> from torch.distributions import Bernoulli
        >>> from gradverify.estimators import LeaveOneOut
        >>> program = lambda params, sample: (sample(Bernoulli(params)) + 1) ** 3
        >>> exact_moments(LeaveOneOut(group=2), program, torch.tensor(0.5, dtype=torch.float64))
        (tensor(7., dtype=torch.float64), tensor(49., dtype=torch.float64))
    """
    branches = enumerate_branches(estimator, program, params, max_branches)
    return branches.mean(), branches.variance()


def enumerate_branches(estimator: Estimator, program: Program, params: Tensor, max_branches: int = 2**18) -> Branches:
    """List every row that an estimator can return; arguments and errors are those of `exact_moments`."""
    decided: list[Tensor] = []
    weight = torch.ones(1, dtype=torch.float64, device=params.device)
    while True:
        source = BranchSource(decided, len(weight), params.device)
        before = source.get_state()
        try:
            rows: Tensor | None = estimator(program, params, len(weight), source)
        except UndecidedError as undecided:
            parent, outcome, weight = _split(undecided.probabilities, weight, max_branches)
            decided = [*(each[parent] for each in decided), outcome]
            rows = None
        if not torch.equal(before, source.get_state()):
            raise NotApplicableError(
                f"exact mode: {type(estimator).__name__} draws noise of its own (Gumbel, Dirichlet, ...); expected draws "
                "through the tape alone, whose outcomes can be listed"
            )
        if rows is not None:
            return Branches(weight, rows.detach().double())


def _split(probabilities: Tensor, weight: Tensor, max_branches: int) -> tuple[Tensor, Tensor, Tensor]:
    """Split every branch over the outcomes of all elements of one draw.

    Args:
        probabilities: ``[branches, elements, outcomes]``.
        weight: ``[branches]``.
        max_branches: The most branches to make.

    Returns:
        Parent, outcome ``[children, elements]`` and weight of every child.
    """
    parent = torch.arange(len(weight), device=weight.device)
    outcome = torch.zeros(len(weight), 0, dtype=torch.long, device=weight.device)
    for element in range(probabilities.shape[1]):
        chances = probabilities[parent, element]
        branch, category = (chances > 0).nonzero(as_tuple=True)
        if len(branch) > max_branches:
            raise NotApplicableError(f"exact mode: more than max_branches={max_branches} branches; use a smaller program")
        parent, weight = parent[branch], weight[branch] * chances[branch, category]
        outcome = torch.cat((outcome[branch], category.unsqueeze(1)), 1)
    return parent, outcome, weight


def _average(weight: Tensor, rows: Tensor) -> Tensor:
    return (weight.reshape(-1, *(1 for _ in rows.shape[1:])) * rows).sum(0)

"""Joint outcomes: all sites of an unchained program as one categorical variable, for methods that go through its outcomes."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ..protocol import NotApplicableError, Program, evaluate, row_gradients, row_leaf
from ..sites.site import Site
from .path_score import path_score
from .structure import require_unchained, structure_of
from .tape import Tape, forcing

__all__ = ["JointOutcomes", "OutcomeRuns", "in_columns", "joint_outcomes"]


@dataclass(frozen=True, eq=False)
class OutcomeRuns:
    """Runs of a program at chosen joint outcomes, several a row.

    Attributes:
        leaf: The parameters once a run, ``[rows * runs, *param]``.
        objective: ``[rows, runs]``, connected to the leaf.
        score: ``[rows, runs]``, with the gradient of each run's score.
    """

    leaf: Tensor
    objective: Tensor
    score: Tensor

    @property
    def values(self) -> Tensor:
        """The objective without its graph, ``[rows, runs]``."""
        return self.objective.detach()

    def gradient(self, coefficient: Tensor, weight: Tensor) -> Tensor:
        """Return ``sum coefficient grad score + weight grad f`` over the runs of each row, ``[rows, *param]``.

        Args:
            coefficient: The weight of each run's score, detached, ``[rows, runs]``.
            weight: The weight of each run's own derivative, ``[rows, runs]`` or ``[runs]``; its expectation over the draw is a
                run's probability.
        """
        gradient = row_gradients((coefficient * self.score + weight * self.objective).reshape(-1), self.leaf)
        return gradient.reshape(*self.objective.shape, *self.leaf.shape[1:]).sum(1)


@dataclass(frozen=True, eq=False)
class JointOutcomes:
    """The possible joint outcomes of a program's sites at one parameter.

    Attributes:
        probs: ``[M]``, all positive.
        index: The index of every element, ``[M, elements]``.
    """

    probs: Tensor
    index: Tensor

    def run(self, program: Program, params: Tensor, chosen: Tensor) -> OutcomeRuns:
        """Run a program at chosen outcomes.

        Args:
            program: The program.
            params: ``[*param]``.
            chosen: Numbers of outcomes, ``[rows, runs]``.

        Returns:
            The runs, to be differentiated.
        """
        tape: Tape[Site] = Tape()
        leaf = row_leaf(params, chosen.numel())
        objective = evaluate(program, leaf, forcing(len(leaf), in_columns(self.index[chosen.reshape(-1)]), tape))
        return OutcomeRuns(leaf, objective.reshape(chosen.shape), path_score(tape, objective).reshape(chosen.shape))


def in_columns(outcomes: Tensor) -> Callable[[int, Site], Tensor]:
    """Make an outcome function that forces a program, site by site, to a table of all its elements in drawing order.

    Args:
        outcomes: The index of every element, ``[rows, elements]``.
    """
    used = 0

    def outcome(_: int, site: Site) -> Tensor:
        nonlocal used
        width = math.prod(site.shape[1:])
        index = outcomes[:, used : used + width].reshape(site.shape)
        used += width
        return index

    return outcome


def joint_outcomes(name: str, program: Program, params: Tensor, limit: int) -> JointOutcomes:
    """List the possible joint outcomes of a program whose sites are independent.

    Args:
        name: The name of the estimator.
        program: The program.
        params: ``[*param]``.
        limit: The most outcomes to list.

    Raises:
        NotApplicableError: Sites depend on earlier outcomes, or there are more outcomes than `limit`.
    """
    structure = structure_of(program, params)
    require_unchained(name, structure)
    total = math.prod(structure.categories())
    if total > limit:
        raise NotApplicableError(f"{name}: the sites have {total:.3g} joint outcomes, more than max_outcomes={limit}")
    probs = torch.ones(1, dtype=params.dtype, device=params.device)
    index = torch.zeros(1, 0, dtype=torch.long, device=params.device)
    for site in structure.sites:
        for element in site.probabilities()[0].reshape(-1, site.num_categories):
            probs = (probs.unsqueeze(1) * element).flatten()
            digit = torch.arange(len(element), device=index.device).repeat(len(index)).unsqueeze(1)
            index = torch.cat((index.repeat_interleave(len(element), 0), digit), 1)
    possible = probs > 0
    return JointOutcomes(probs[possible], index[possible])

"""Coupled runs: several runs of a program a replicate, whose outcomes are drawn jointly, each run's own law untouched."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.distributions import Distribution

from ..protocol import Program, evaluate, row_gradients, row_leaf
from ..sites.reading import FiniteSite, finite_site_of

__all__ = ["Coupling", "Joint", "differentiate_jointly"]


@dataclass(frozen=True, eq=False)
class Joint:
    """The joint outcomes of one site in all runs of a replicate.

    Attributes:
        index: The outcomes, ``[rows, copies, *batch]``.
        score: A tensor ``[rows, copies, *elements]`` whose gradient is each run's score; elements are the batch, or finer.
        weight: W, the weight of the score of run i against run j, ``[rows, copies, copies, *elements]`` or broadcast to it.
    """

    index: Tensor
    score: Tensor
    weight: Tensor


Coupling = Callable[[FiniteSite, Tensor, torch.Generator], Joint]
"""A joint law: a site with elements ``[rows, copies, *batch]`` and a mask ``[rows, *batch]`` in, its joint outcomes out.

Where the mask holds, all copies have the same probabilities with the same derivatives, and may be coupled; elsewhere they
must be drawn independently, with W = 1.
"""


def differentiate_jointly(
    coupling: Coupling, program: Program, params: Tensor, rows: int, generator: torch.Generator, copies: int
) -> Tensor:
    """Return the pairwise score-function estimate from coupled runs.

    ``1 / (n (n - 1)) sum_{i != j} (f_i - f_j) W_ij grad score_i + mean_i grad f_i``.

    Given all that was drawn before, every run's outcome has the law that the program gives it in that run, so the estimate is
    unbiased as soon as the coupling is so element by element. In a chained program, runs that went apart may have other
    probabilities at a later site; there they are drawn independently with W = 1, each the others' baseline (leave-one-out).

    Args:
        coupling: The joint law.
        program: The program.
        params: ``[*param]``.
        rows: The number of replicates.
        generator: The source of the outcomes.
        copies: n.

    Returns:
        Replicates, ``[rows, *param]``.
    """
    leaf = row_leaf(params, rows * copies)
    joints: list[Joint] = []
    first = True

    def sample(distribution: Distribution) -> Tensor:
        nonlocal first
        site = finite_site_of(distribution, rows * copies)
        grouped = site.with_probs(site.probs.unflatten(0, (rows, copies)))
        # Nothing is drawn before the first site, so only later ones can differ in their derivatives.
        joint = coupling(grouped, _agree(grouped) if first else _agree(grouped) & _same_derivative(grouped, leaf), generator)
        first = False
        if site.requires_grad:
            joints.append(joint)
        return site.from_index(joint.index.flatten(0, 1))

    objective = evaluate(program, leaf, sample).reshape(rows, copies)
    values = objective.detach()
    gap = (values.unsqueeze(2) - values.unsqueeze(1)) / (copies * (copies - 1))
    surrogate = objective / copies
    for joint in joints:
        coefficient = (_widen(gap, joint.score.dim() + 1) * joint.weight).sum(2)
        surrogate = surrogate + (coefficient * joint.score).reshape(rows, copies, -1).sum(2)
    return row_gradients(surrogate.reshape(-1), leaf).reshape(rows, copies, *params.shape).sum(1)


def _agree(site: FiniteSite) -> Tensor:
    """Return True where all copies have one probability up to the rounding of a row's place in a batch, ``[rows, *batch]``."""
    probs = site.probs.detach()
    same = torch.isclose(probs, probs[:, :1], rtol=8 * torch.finfo(probs.dtype).eps, atol=0).all(1)
    return same if probs.dim() == len(site.shape) else same.all(-1)


def _same_derivative(site: FiniteSite, leaf: Tensor) -> Tensor:
    """Return True where all copies of a row have the same derivatives, ``[rows, 1, ..., 1]``.

    Equal probabilities are not enough: two branches may meet at one value of the parameters. One fixed combination of all the
    site's probabilities is differentiated; copies that differ would agree in it by accident only.
    """
    rows, copies = site.shape[:2]
    same = torch.ones(rows, dtype=torch.bool, device=leaf.device)
    if site.requires_grad:
        width = site.probs[0, 0].numel()
        factors = torch.arange(1, width + 1, dtype=leaf.dtype, device=leaf.device).cos()
        combined = (site.probs.reshape(rows * copies, width) @ factors).sum()
        (gradient,) = torch.autograd.grad(combined, leaf, retain_graph=True)
        gradient = gradient.reshape(rows, copies, -1)
        scale = gradient.abs().amax((1, 2), keepdim=True)
        same = ((gradient - gradient[:, :1]).abs() <= 1e3 * torch.finfo(leaf.dtype).eps * scale).all(2).all(1)
    return _widen(same, len(site.shape) - 1)


def _widen(tensor: Tensor, dims: int) -> Tensor:
    return tensor.reshape(*tensor.shape, *(1 for _ in range(dims - tensor.dim())))

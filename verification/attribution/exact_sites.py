"""Exact sites: a program that differentiates some of its sites itself, whatever estimator runs it."""

from __future__ import annotations

from collections.abc import Collection

import torch
from torch import Tensor
from torch.distributions import Distribution, OneHotCategorical

from ...estimators.protocol import Program, Sample, evaluate
from ...estimators.sites.reading import FiniteSite, finite_site_of, law_of

__all__ = ["with_exact_sites"]


def with_exact_sites(program: Program, sites: Collection[int], *, baseline: float = 0.0, relaxed: bool = False) -> Program:
    r"""Return a program that differentiates some of its sites itself, whatever estimator runs it.

    At a chosen site, the estimator's primitive draws the outcome x_s from detached probabilities: its law, its place among the
    sites and its shape stay, and nothing is left to differentiate. The objective becomes

    .. math:: F = f + (\bar f - b) (S - \bar S), \qquad \nabla S = \sum_s \nabla \log p_s(x_s)

    where a bar means detached. F has the value of f on every path, and its derivative at fixed outcomes contains the
    score-function term of the chosen sites, so E F and its gradient are those of E f, for every b. The cost is one evaluation
    for any number of sites.

    Args:
        program: The program; a Markov program becomes a plain one.
        sites: Numbers of the chosen sites, in drawing order from 0.
        baseline: The number b, near E f to keep the variance low.
        relaxed: True if the primitive returns relaxed values. They are hardened: at categorical sites to the category with the
            largest weight, at bits to the nearer value. This follows the site's law if the relaxation is Gumbel-Softmax.

    Returns:
        The derived program.

    Example:
        >>> from torch.distributions import Bernoulli
        >>> from gradverify.estimators import StraightThrough
        >>> cubic = lambda params, sample: (sample(Bernoulli(params)) + 1) ** 3
        >>> exact = with_exact_sites(cubic, {0}, baseline=1.0)
        >>> rows = StraightThrough()(exact, torch.tensor(0.5), 100, torch.Generator().manual_seed(0))
        >>> sorted(set(rows.tolist()))
        [-0.0, 14.0]

    References:
        Foerster et al. (2018), arXiv 1802.05098 (a score carried by the objective); Williams (1992).
    """

    def exact_program(params: Tensor, sample: Sample) -> Tensor:
        rows = params.shape[0]
        score = torch.zeros(rows, dtype=params.dtype, device=params.device)
        count = 0

        def through(distribution: Distribution) -> Tensor:
            nonlocal score, count
            number, count = count, count + 1
            if number not in sites:
                return sample(distribution)
            site = finite_site_of(distribution, rows)
            index = _harden(site, sample(_without_graph(distribution, site, relaxed)), relaxed)
            score = score + site.score_surrogate(index).reshape(rows, -1).sum(1)
            return site.from_index(index)

        objective = evaluate(program, params, through)
        return objective + (objective.detach() - baseline) * (score - score.detach())

    return exact_program


def _without_graph(distribution: Distribution, site: FiniteSite, relaxed: bool) -> Distribution:
    """Return the distribution without its graph, as a one-hot one if relaxed values of an index could not be told apart."""
    if relaxed and not site.boolean:
        return OneHotCategorical(probs=site.probabilities().detach(), validate_args=False)
    return law_of(distribution).detach(distribution)


def _harden(site: FiniteSite, value: Tensor, relaxed: bool) -> Tensor:
    """The index that a primitive's value stands for; hard values are kept, relaxed ones go to the nearest."""
    as_one_hot = relaxed and not site.boolean
    return value.detach().argmax(-1) if as_one_hot else site.nearest(value.detach())

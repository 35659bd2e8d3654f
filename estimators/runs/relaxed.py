"""The handler for gradient rules that are written on one-hot samples.

A rule is written once, for a site's probabilities in and a one-hot sample out, with whatever gradient it defines between the
two; Bernoulli and index values are linear maps of that sample.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.distributions import Distribution

from ..protocol import NoGradientPathError, Program, Sample, evaluate, row_gradients, row_leaf
from ..sites.reading import FiniteSite, finite_site_of

__all__ = ["Rule", "differentiate", "one_hot", "with_rule"]

Rule = Callable[[FiniteSite, torch.Generator], Tensor]
"""A gradient rule: a site with its graph, and a generator, in; a sample ``[rows, *batch, K]`` out."""


def differentiate(rule: Rule, program: Program, params: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
    """Run a program with every sample drawn by `rule`, and differentiate its objective.

    Returns:
        Replicates, ``[num_samples, *param]``.

    Raises:
        NoGradientPathError: The rule's output carries no gradient at a site whose probabilities require one.
    """
    leaf = row_leaf(params, num_samples)
    objective = evaluate(program, leaf, with_rule(rule, num_samples, generator))
    return row_gradients(objective, leaf)


def with_rule(rule: Rule, rows: int, generator: torch.Generator) -> Sample:
    """Make the sampling primitive that draws every site by `rule`."""
    count = 0

    def sample(distribution: Distribution) -> Tensor:
        nonlocal count
        site = finite_site_of(distribution, rows)
        drawn = rule(site, generator)
        if site.requires_grad and not drawn.requires_grad:
            raise NoGradientPathError.at(count, distribution, drawn)
        count += 1
        return site.from_one_hot(drawn)

    return sample


def one_hot(site: FiniteSite, index: Tensor) -> Tensor:
    """Return the one-hot vectors of an index, ``[rows, *batch, K]``, in the site's floating type."""
    zeros = torch.zeros(*site.shape, site.num_categories, dtype=site.dtype, device=site.device)
    return zeros.scatter_(-1, index.long().unsqueeze(-1), 1.0)

"""SIMPLE: subsets of fixed size, differentiated through their exact marginals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Distribution

from .k_subset import KSubset
from .protocol import FINITE_SITES, Claims, Program, Sample, UnsupportedSiteError, evaluate, row_gradients, row_leaf
from .runs.relaxed import with_rule
from .runs.tape import draw
from .sites.reading import BernoulliSite
from .straight_through import carrying, straight_through_rule

__all__ = ["Simple"]


@dataclass(frozen=True)
class Simple:
    """Straight-through for subsets of fixed size, with the subset's exact marginals.

    ``z = S + mu(theta) - sg(mu(theta))``, S drawn exactly from `KSubset`: the gradient in the logits is ``Cov(z) grad f(S)``.
    Exact where f is linear in every sample and samples do not feed later sites; else biased by the curvature of f. The other
    sites are straight-through, which is the case k = 1. Cost: one evaluation and its derivative, and O(n k) a subset.

    Example:
        >>> import torch
        >>> program = lambda params, sample: 2 * sample(KSubset(params, 1))[:, 0]
        >>> Simple()(program, torch.zeros(4), 1, torch.Generator())
        tensor([[ 0.3750, -0.1250, -0.1250, -0.1250]])

    References:
        Ahmed, Zeng, Niepert and Van den Broeck (2022), SIMPLE, arXiv 2210.01941.
    """

    claims: ClassVar[Claims] = Claims(bias="biased", exact_degree=1)
    sites: ClassVar[tuple[type, ...]] = FINITE_SITES
    needs_differentiable: ClassVar[bool] = True
    evaluations: ClassVar[int | None] = 1
    reference: ClassVar[str] = "Ahmed et al. 2022"

    def __call__(
        self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator
    ) -> Float[Tensor, "{num_samples} *param"]:
        """Return replicates, ``[num_samples, *param]``."""
        leaf = row_leaf(params, num_samples)
        return row_gradients(evaluate(program, leaf, _sampling(num_samples, generator)), leaf)


def _sampling(rows: int, generator: torch.Generator) -> Sample:
    otherwise = with_rule(straight_through_rule, rows, generator)

    def decide(chance: Tensor) -> Tensor:
        return draw(BernoulliSite(chance), generator)

    def sample(distribution: Distribution) -> Tensor:
        if not isinstance(distribution, KSubset):
            return otherwise(distribution)
        if not distribution.batch_shape or distribution.batch_shape[0] != rows:
            raise UnsupportedSiteError(
                f"a KSubset site has batch shape {tuple(distribution.batch_shape)}; its first dimension must be the "
                f"{rows} rows of params (compute logits from params, row by row)"
            )
        return carrying(distribution.sequential(decide), distribution.marginals())

    return sample

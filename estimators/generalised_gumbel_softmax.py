"""Generalised Gumbel-Softmax: counts relaxed as categories of their truncated distribution."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Categorical, Distribution

from .gumbel_softmax import GumbelSoftmax
from .hyper_parameters import require_at_least, require_positive
from .protocol import Program, Sample, evaluate, row_gradients, row_leaf
from .runs.relaxed import with_rule
from .sites.counts import count_probabilities
from .sites.reading import COUNT_SITES

__all__ = ["GeneralisedGumbelSoftmax", "truncate"]


@dataclass(frozen=True)
class GeneralisedGumbelSoftmax(GumbelSoftmax):
    """The objective of relaxed counts, differentiated.

    A count is a categorical over 0 .. m - 1 whose last category holds the probability of all that is larger; its relaxed value
    is ``y (0, .., m - 1)`` with ``y = softmax((log p + G) / tau)``. Biased by the relaxation and by the truncation. Bernoulli,
    Categorical and OneHotCategorical sites are Gumbel-Softmax. Cost: one evaluation and its derivative.

    Args:
        temperature: tau > 0.
        size: m >= 2, for Binomial, Geometric and Poisson sites; shorter tables stay as they are.

    Raises:
        NotApplicableError: The temperature is not positive, or the size below two.

    Example:
        >>> import torch
        >>> from torch.distributions import Poisson
        >>> program = lambda params, sample: sample(Poisson(params))
        >>> rows = GeneralisedGumbelSoftmax(0.5)(program, torch.tensor(3.0), 2000, torch.Generator().manual_seed(0))
        >>> bool((rows.mean() - 1).abs() < 0.2)
        True

    References:
        Joo, Kim, Shin and Moon (2020), Generalized Gumbel-Softmax gradient estimator, arXiv 2003.01847.
    """

    size: int = 32

    reference: ClassVar[str] = "Joo et al. 2020"

    def __post_init__(self) -> None:
        require_positive("generalised Gumbel-Softmax", temperature=self.temperature)
        require_at_least("generalised Gumbel-Softmax", 2, "a truncated count", size=self.size)

    def __call__(
        self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator
    ) -> Float[Tensor, "{num_samples} *param"]:
        """Return replicates, ``[num_samples, *param]``."""
        leaf = row_leaf(params, num_samples)
        return row_gradients(evaluate(program, leaf, self._sampling(num_samples, generator)), leaf)

    def _sampling(self, rows: int, generator: torch.Generator) -> Sample:
        relaxed = with_rule(self.rule, rows, generator)

        def sample(distribution: Distribution) -> Tensor:
            return relaxed(truncate(distribution, self.size) if type(distribution) in COUNT_SITES else distribution)

        return sample


def truncate(distribution: Distribution, size: int) -> Categorical:
    """Return a count as a categorical over 0 .. size - 1 at most, connected to the count's graph.

    Args:
        distribution: Binomial, Geometric (failures before the first success) or Poisson.
        size: The most categories; the last then holds the rest.

    Returns:
        Batch shape as before.

    Example:
        >>> from torch.distributions import Poisson
        >>> truncate(Poisson(torch.tensor([1.0])), 3).probs
        tensor([[0.3679, 0.3679, 0.2642]])
    """
    table = count_probabilities(distribution)
    if table.shape[-1] > size:
        head = table[..., : size - 1]
        rest = (1 - head.sum(-1, keepdim=True)).clamp_min(0)
        table = torch.cat((head, rest), dim=-1)
    # The table is a distribution by construction; validating it would make the host wait.
    return Categorical(probs=table, validate_args=False)

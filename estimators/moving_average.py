"""The score function with a moving average of past objectives as its baseline."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, Self

import torch
from torch import Tensor

from .hyper_parameters import require_at_least
from .protocol import Claims, NotApplicableError, Program
from .score_function import ScoreFunction, mean_objective

__all__ = ["MovingAverageBaseline"]


@dataclass(frozen=True)
class MovingAverageBaseline(ScoreFunction):
    """The score function with an exponential moving average of earlier batches' objectives as its baseline.

    ``(f - m) grad log p + grad f``. `fit` runs ``m <- beta m + (1 - beta) mean f`` over pilot batches and freezes m, so no
    row is ever part of its own baseline: updated with a batch of N rows before its use, m would shrink the gradient by
    ``1 - (1 - beta) / N``. Unbiased; unfitted (m = 0) it is the plain score function. Cost: one evaluation.

    Args:
        baseline: m.
        decay: beta, in [0, 1).
        batch: Rows of a pilot batch.

    Raises:
        NotApplicableError: The decay or the batch is out of range.

    Example:
        >>> import torch
        >>> from torch.distributions import Bernoulli
        >>> program = lambda params, sample: 0 * sample(Bernoulli(params)) + 8
        >>> estimator = MovingAverageBaseline(decay=0.5, batch=10)
        >>> estimator.fit(program, torch.tensor(0.3), num_samples=30, generator=torch.Generator()).baseline
        7.0

    References:
        Williams (1992); Greensmith, Bartlett and Baxter (2004); Mnih and Gregor (2014), arXiv 1402.0030.
    """

    decay: float = 0.9
    batch: int = 10

    claims: ClassVar[Claims] = Claims(bias="unbiased", variance_exponent=2.0)
    reference: ClassVar[str] = "Williams 1992; Mnih & Gregor 2014"

    def __post_init__(self) -> None:
        if not 0 <= self.decay < 1:
            raise NotApplicableError(f"moving-average baseline: decay={self.decay}; it must be in [0, 1)")
        require_at_least("moving-average baseline", 1, "a batch", batch=self.batch)

    def fit(self, program: Program, params: Tensor, *, num_samples: int, generator: torch.Generator) -> Self:
        """Return the same estimator with ``baseline`` updated by batches of `num_samples` rows in all; the last may be less."""
        require_at_least("moving-average baseline", 1, "its fit", num_samples=num_samples)
        average = self.baseline
        for start in range(0, num_samples, self.batch):
            rows = min(self.batch, num_samples - start)
            average = self.decay * average + (1 - self.decay) * mean_objective(program, params, rows, generator)
        return replace(self, baseline=average)

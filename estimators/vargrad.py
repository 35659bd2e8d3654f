"""VarGrad: the covariance of objective and score over a group of runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from .hyper_parameters import require_at_least
from .protocol import ALL_SITES, Claims, Program, evaluate, row_gradients, row_leaf
from .runs.path_score import path_score
from .runs.tape import Tape, recording
from .sites.site import Site

__all__ = ["VarGrad"]


@dataclass(frozen=True)
class VarGrad:
    """The sample covariance of objective and score over K runs.

    ``1 / (K - 1) sum_k (f_k - mean f) (s_k - mean s) + mean grad f``, s_k = grad log p of run k. Centring the scores changes
    nothing, so it equals the leave-one-out score function. Its authors derive it as the gradient of half the variance of
    ``log q - log p`` at detached samples, in variational inference. Unbiased. Cost: K evaluations.

    Args:
        group: K, at least two.

    Raises:
        NotApplicableError: K is below two: one run has no variance.

    Example:
        >>> import torch
        >>> from torch.distributions import Bernoulli
        >>> program = lambda params, sample: sample(Bernoulli(params))
        >>> VarGrad(group=4)(program, torch.tensor(0.5), 8, torch.Generator()).shape
        torch.Size([8])

    References:
        Richter, Boustati, Nuesken, Ruiz and Akyildiz (2020), arXiv 2010.10436.
    """

    group: int = 2

    claims: ClassVar[Claims] = Claims(bias="unbiased", variance_exponent=2.0)
    sites: ClassVar[tuple[type, ...]] = ALL_SITES
    reference: ClassVar[str] = "Richter et al. 2020"

    def __post_init__(self) -> None:
        require_at_least("VarGrad", 2, "a covariance", group=self.group)

    @property
    def evaluations(self) -> int | None:
        """The number of runs, K."""
        return self.group

    def __call__(
        self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator
    ) -> Float[Tensor, "{num_samples} *param"]:
        """Return replicates, ``[num_samples, *param]``."""
        tape: Tape[Site] = Tape()
        shape = (num_samples, self.group)
        leaf = row_leaf(params, num_samples * self.group)
        objective = evaluate(program, leaf, recording(len(leaf), generator, tape)).reshape(shape)
        score = path_score(tape, objective.reshape(-1)).reshape(shape)
        centred = objective.detach() - objective.detach().mean(1, keepdim=True)
        covariance = (centred * (score - score.mean(1, keepdim=True))).sum(1) / (self.group - 1)
        rows = row_gradients(covariance + objective.mean(1), leaf)
        return rows.reshape(*shape, *params.shape).sum(1)

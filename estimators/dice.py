"""DiCE: a surrogate objective whose derivatives of every order are unbiased."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from .protocol import ALL_SITES, Claims, Program, evaluate, row_gradients, row_leaf
from .runs.tape import Tape, recording
from .sites.site import Site, is_finite

__all__ = ["DiCE"]


@dataclass(frozen=True)
class DiCE:
    """The infinitely differentiable Monte Carlo estimator.

    ``f box + (1 - box) b`` with the magic box ``box = exp(L - sg L) = prod_k p_k / sg(p_k)``, L the log-probability of the
    path: its value is f, and its derivative of any order is an unbiased estimate of that derivative of E f, for any
    constant b. The first derivative is the score function's. Cost: one evaluation.

    Args:
        baseline: b.

    Example:
        >>> import torch
        >>> from torch.distributions import Bernoulli
        >>> program = lambda params, sample: sample(Bernoulli(params))
        >>> DiCE(baseline=1.0)(program, torch.tensor(0.5), 4, torch.Generator().manual_seed(0)).unique()
        tensor([0., 2.])

    References:
        Foerster, Farquhar, Al-Shedivat, Rocktaeschel, Xing and Whiteson (2018), arXiv 1802.05098; Mao et al. (2019).
    """

    baseline: float = 0.0

    claims: ClassVar[Claims] = Claims(bias="unbiased", variance_exponent=3.0)
    sites: ClassVar[tuple[type, ...]] = ALL_SITES
    evaluations: ClassVar[int | None] = 1
    reference: ClassVar[str] = "Foerster et al. 2018"

    def __call__(
        self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator
    ) -> Float[Tensor, "{num_samples} *param"]:
        """Return replicates, ``[num_samples, *param]``."""
        leaf = row_leaf(params, num_samples)
        return row_gradients(self.surrogate(program, leaf, generator), leaf)

    def surrogate(self, program: Program, params: Tensor, generator: torch.Generator) -> Float[Tensor, " rows"]:
        """Return the surrogate objective, which can be differentiated any number of times.

        Args:
            program: The program.
            params: ``[rows, *param]``, requiring a gradient.
            generator: The source of the outcomes.
        """
        tape: Tape[Site] = Tape()
        objective = evaluate(program, params, recording(len(params), generator, tape))
        box = torch.ones_like(objective, requires_grad=False)
        for entry in tape.draws:
            box = box * _ratio(entry.site, entry.index).reshape(len(box), -1).prod(1)
        return objective * box + self.baseline * (1 - box)


def _ratio(site: Site, outcome: Tensor) -> Tensor:
    """Return ``p / bar p`` of a drawn outcome, ``[rows, *batch]``: its value is 1, its derivative is the score."""
    if is_finite(site):
        # A drawn outcome has a positive probability: neither a logarithm nor a guard is needed.
        probability = site.probability(outcome)
        return probability / probability.detach()
    log_prob = site.log_prob(outcome)
    return (log_prob - log_prob.detach()).exp()

"""Implicit maximum likelihood: differences of perturbed maximisers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import torch
from jaxtyping import Float
from torch import Tensor

from .gumbel_rao import conditional_gumbels
from .hyper_parameters import require_positive
from .protocol import CATEGORICAL_SITES, Claims, Program
from .runs.relaxed import differentiate, one_hot
from .runs.tape import draw
from .sites.reading import FiniteSite

__all__ = ["AdaptiveImplicitMLE", "ImplicitMLE"]


@dataclass(frozen=True)
class ImplicitMLE:
    """Perturb-and-MAP samples, differentiated by moving the logits along the objective's slope.

    ``z = one_hot(argmax(theta + G))`` with Gumbel noise G, g the objective's derivative at z. Backward
    ``(z - one_hot(argmax(theta + G - lambda g))) / lambda`` in the logits, with the same noise, or the central difference
    ``(one_hot(argmax(theta + G + lambda g)) - one_hot(argmax(theta + G - lambda g))) / (2 lambda)``. For a slope that does not
    depend on z its mean is the difference of softmax(theta) along the slope: bias O(lambda), central O(lambda^2); else the
    bias of straight-through is added. Variance O(1 / lambda). lambda has the unit of a logit over the objective's. At a
    `KSubset` the categories are the subsets: the maximiser has exactly their law, which the published Sum-of-Gamma noise, one
    draw an item, approximates.
    Cost: one evaluation and its derivative.

    Args:
        step: lambda > 0.
        central: The central difference.

    Raises:
        NotApplicableError: The step is not positive.

    Example:
        >>> import torch
        >>> from torch.distributions import OneHotCategorical
        >>> program = lambda params, sample: sample(OneHotCategorical(logits=params))[:, 0]
        >>> rows = ImplicitMLE(step=1e6)(program, torch.zeros(2), 50, torch.Generator().manual_seed(0))
        >>> sorted({round(each * 1e6) for each in rows[:, 0].tolist()})
        [0, 1]

    References:
        Niepert, Minervini and Franceschi (2021), Implicit MLE, arXiv 2106.01798.
    """

    step: float = 10.0
    central: bool = False

    claims: ClassVar[Claims] = Claims(bias="biased")
    sites: ClassVar[tuple[type, ...]] = CATEGORICAL_SITES
    needs_differentiable: ClassVar[bool] = True
    evaluations: ClassVar[int | None] = 1
    reference: ClassVar[str] = "Niepert et al. 2021"

    def __post_init__(self) -> None:
        require_positive("implicit MLE", step=self.step)

    def __call__(
        self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator
    ) -> Float[Tensor, "{num_samples} *param"]:
        """Return replicates, ``[num_samples, *param]``."""
        return differentiate(self.rule, program, params, num_samples, generator)

    def rule(self, site: FiniteSite, generator: torch.Generator) -> Tensor:
        """Draw the maximiser and give it the gradient of the difference, ``[rows, *batch, K]``."""
        return self._difference(site, site.log_probabilities(), generator)

    def _difference(self, site: FiniteSite, logits: Tensor, generator: torch.Generator) -> Tensor:
        # The category first, then noise that has it as its maximiser: the same law, and the draw is the tape's.
        drawn = one_hot(site, draw(site, generator))
        perturbed = conditional_gumbels(logits.detach(), drawn, generator)
        sample: Tensor = _Difference.apply(logits, drawn, perturbed, self.step, self.central)
        return sample


@dataclass(frozen=True)
class AdaptiveImplicitMLE(ImplicitMLE):
    """Implicit maximum likelihood by central differences, its step fitted to how sparse the estimates are.

    `fit` finds the step at which a replicate has ``target`` non-zero entries on average, over the logits of all its sites: a
    smaller one mostly sees no change, a larger one is biased. Every change of a category makes two. The step is then frozen,
    one number for all rows (the published rule scales it by norms over the batch, which would couple rows).

    Args:
        step: lambda > 0, until it is fitted.
        central: The central difference.
        target: Non-zero entries a replicate, positive.

    Raises:
        NotApplicableError: The step or the target is not positive.

    Example:
        >>> import torch
        >>> from torch.distributions import Bernoulli
        >>> program = lambda params, sample: 3 * sample(Bernoulli(logits=params))
        >>> warm = AdaptiveImplicitMLE().fit(program, torch.tensor(0.3), num_samples=2000, generator=torch.Generator())
        >>> rows = warm(program, torch.tensor(0.3), 2000, torch.Generator())
        >>> bool(((rows != 0).double().mean() - 0.5).abs() < 0.1)
        True

    References:
        Minervini, Franceschi and Niepert (2022), arXiv 2209.04862.
    """

    step: float = 1.0
    central: bool = True
    target: float = 1.0

    reference: ClassVar[str] = "Minervini et al. 2022"

    def __post_init__(self) -> None:
        super().__post_init__()
        require_positive("adaptive implicit MLE", target=self.target)

    def fit(self, program: Program, params: Tensor, *, num_samples: int, generator: torch.Generator) -> Self:
        """Return the same estimator with the step, between 1e-6 and 1e6, at which `num_samples` pilot rows meet the target.

        More entries change the larger the step, so that it is found by bisection, the noise held. A target that no step
        reaches leaves the largest.
        """
        state = generator.get_state()
        low, high = -6.0, 6.0
        for _ in range(_BISECTIONS):
            middle = (low + high) / 2
            generator.set_state(state)
            changed = replace(self, step=10.0**middle)._count_changes(program, params, num_samples, generator)
            low, high = (middle, high) if changed < self.target else (low, middle)
        return replace(self, step=10.0**high)

    def _count_changes(self, program: Program, params: Tensor, rows: int, generator: torch.Generator) -> float:
        """Return the mean number of non-zero entries a row, over all sites."""
        counts: list[Tensor] = []

        def rule(site: FiniteSite, source: torch.Generator) -> Tensor:
            logits = site.log_probabilities()
            if logits.requires_grad:
                logits.register_hook(lambda gradient: counts.append(gradient.count_nonzero()))
            return self._difference(site, logits, source)

        differentiate(rule, program, params, rows, generator)
        return sum(float(each) for each in counts) / rows


class _Difference(torch.autograd.Function):
    """The maximiser forward; backward the difference of maximisers along the incoming gradient."""

    @staticmethod
    def forward(ctx: Any, logits: Tensor, drawn: Tensor, perturbed: Tensor, step: float, central: bool) -> Tensor:
        ctx.save_for_backward(drawn, perturbed)
        ctx.step, ctx.central = step, central
        # An input would be returned as it is, which autograd treats as its own case.
        return drawn.clone()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        drawn, perturbed = ctx.saved_tensors
        move = ctx.step * gradients[0]
        ahead = _maximiser(perturbed + move) if ctx.central else drawn
        difference = (ahead - _maximiser(perturbed - move)) / (2 * ctx.step if ctx.central else ctx.step)
        return difference, None, None, None, None


def _maximiser(perturbed: Tensor) -> Tensor:
    index = perturbed.argmax(-1, keepdim=True)
    return torch.zeros_like(perturbed).scatter_(-1, index, 1.0)


_BISECTIONS = 24

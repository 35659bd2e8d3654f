"""The tutorial's rules: AgentTorch's discrete distributions, as they ship and as their weights would act.

The behaviour is reimplemented from its description; each class states what the rule does, not what it was meant to do.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Bernoulli, Categorical, Distribution

from .protocol import Claims, NoGradientPathError, Program, UnsupportedSiteError, evaluate, row_gradients, row_leaf
from .runs.tape import draw
from .sites.reading import FiniteSite, finite_site_of
from .smoothed_triples import smoothed_weights
from .straight_through import carrying

__all__ = [
    "AgentTorchBernoulli",
    "AgentTorchCategorical",
    "AgentTorchFloatCategorical",
    "AgentTorchStraightThroughBernoulli",
]

_TUTORIAL = "AgentTorch, tutorial on differentiable discrete sampling"


@dataclass(frozen=True)
class AgentTorchBernoulli:
    """AgentTorch's ``Bernoulli``: a bit whose derivative is ``1 / (2 p)`` for a one and ``1 / (2 (1 - p))`` for a zero.

    These are the smoothed triple's weights: exact for objectives up to degree two in each bit, 7.5 instead of 7 for
    d/dp E[(b + 1)^3] at p = 0.3. Cost: one evaluation and its derivative.

    Example:
        >>> import torch
        >>> program = lambda params, sample: sample(Bernoulli(params))
        >>> rows = AgentTorchBernoulli()(program, torch.tensor(0.25), 100, torch.Generator().manual_seed(0))
        >>> sorted({round(each, 4) for each in rows.tolist()})
        [0.6667, 2.0]
    """

    claims: ClassVar[Claims] = Claims(
        bias="biased",
        exact_degree=2,
        variance_exponent=1.0,
        note="presented by its authors as a usable gradient",
    )
    sites: ClassVar[tuple[type, ...]] = (Bernoulli,)
    needs_differentiable: ClassVar[bool] = True
    evaluations: ClassVar[int | None] = 1
    reference: ClassVar[str] = _TUTORIAL

    def __call__(
        self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator
    ) -> Float[Tensor, "{num_samples} *param"]:
        """Return replicates, ``[num_samples, *param]``."""
        return _differentiate(_smoothed_bit, self.sites, program, params, num_samples, generator)


@dataclass(frozen=True)
class AgentTorchStraightThroughBernoulli:
    """AgentTorch's straight-through ``Bernoulli``: a bit whose derivative is one.

    Exact for objectives that are linear in each bit. Cost: one evaluation and its derivative.

    Example:
        >>> import torch
        >>> program = lambda params, sample: 2 * sample(Bernoulli(params))
        >>> AgentTorchStraightThroughBernoulli()(program, torch.tensor(0.25), 2, torch.Generator())
        tensor([2., 2.])
    """

    claims: ClassVar[Claims] = Claims(bias="biased", exact_degree=1, variance_exponent=1.0)
    sites: ClassVar[tuple[type, ...]] = (Bernoulli,)
    needs_differentiable: ClassVar[bool] = True
    evaluations: ClassVar[int | None] = 1
    reference: ClassVar[str] = _TUTORIAL

    def __call__(
        self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator
    ) -> Float[Tensor, "{num_samples} *param"]:
        """Return replicates, ``[num_samples, *param]``."""
        return _differentiate(_straight_through_bit, self.sites, program, params, num_samples, generator)


@dataclass(frozen=True)
class AgentTorchCategorical:
    """AgentTorch's ``Categorical`` as it ships: an integer index, which ends the gradient.

    Its backward weights are never reached: PyTorch differentiates no integer tensor. Every use raises
    `NoGradientPathError`, which verification reports as the verdict "no gradient path".

    Example:
        >>> import torch
        >>> program = lambda params, sample: sample(Categorical(logits=params))
        >>> AgentTorchCategorical()(program, torch.zeros(3), 2, torch.Generator())  # doctest: +IGNORE_EXCEPTION_DETAIL
        Traceback (most recent call last):
        ...
        NoGradientPathError: site 0 (Categorical): its probabilities require a gradient, its torch.int64 output carries none
    """

    claims: ClassVar[Claims] = Claims(bias="no-gradient", note="recommended by its authors as a gradient estimator")
    sites: ClassVar[tuple[type, ...]] = (Categorical,)
    needs_differentiable: ClassVar[bool] = True
    evaluations: ClassVar[int | None] = 1
    reference: ClassVar[str] = _TUTORIAL

    def __call__(
        self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator
    ) -> Float[Tensor, "{num_samples} *param"]:
        """Replicates, ``[num_samples, *param]``; raise if a site needs a gradient."""
        return _differentiate(_integer_index, self.sites, program, params, num_samples, generator)


@dataclass(frozen=True)
class AgentTorchFloatCategorical:
    """AgentTorch's ``Categorical`` with its output made floating, so that its weights act.

    ``w_j(i) = 1[j = i] / (2 p_j) + 1[j != i] / (2 (1 - p_j))``. In the logits its mean is zero for every objective that is
    linear in the index, and every replicate is zero for two categories: the bias is the whole gradient.
    Cost: one evaluation and its derivative.

    Example:
        >>> import torch
        >>> program = lambda params, sample: sample(Categorical(logits=params))
        >>> AgentTorchFloatCategorical()(program, torch.zeros(2, dtype=torch.float64), 1, torch.Generator()).abs().max() < 1e-12
        tensor(True)
    """

    claims: ClassVar[Claims] = Claims(bias="biased", note="the rule its authors recommend, were its output floating")
    sites: ClassVar[tuple[type, ...]] = (Categorical,)
    needs_differentiable: ClassVar[bool] = True
    evaluations: ClassVar[int | None] = 1
    reference: ClassVar[str] = _TUTORIAL

    def __call__(
        self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator
    ) -> Float[Tensor, "{num_samples} *param"]:
        """Return replicates, ``[num_samples, *param]``."""
        return _differentiate(_floating_index, self.sites, program, params, num_samples, generator)


class _CategoricalRule(torch.autograd.Function):
    """The drawn index forward; the tutorial's weights backward."""

    @staticmethod
    def forward(ctx: Any, probs: Tensor, index: Tensor) -> Tensor:
        ctx.save_for_backward(probs, index)
        # A view would be returned as an input, which autograd treats as its own case.
        return index.clone()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        probs, index = ctx.saved_tensors
        drawn = torch.arange(probs.shape[-1], device=probs.device) == index.unsqueeze(-1)
        weights = 0.5 / torch.where(drawn, probs, 1 - probs)
        return gradients[0].unsqueeze(-1) * weights, None


def _smoothed_bit(site: FiniteSite, generator: torch.Generator) -> Tensor:
    index = draw(site, generator)
    return carrying(site.from_index(index), smoothed_weights(site, index) * site.probs)


def _straight_through_bit(site: FiniteSite, generator: torch.Generator) -> Tensor:
    return carrying(site.from_index(draw(site, generator)), site.probs)


def _integer_index(site: FiniteSite, generator: torch.Generator) -> Tensor:
    index: Tensor = _CategoricalRule.apply(site.probs, draw(site, generator))
    return index


def _floating_index(site: FiniteSite, generator: torch.Generator) -> Tensor:
    value: Tensor = _CategoricalRule.apply(site.probs, site.from_index(draw(site, generator)))
    return value


def _differentiate(
    rule: Callable[[FiniteSite, torch.Generator], Tensor],
    supported: tuple[type, ...],
    program: Program,
    params: Tensor,
    rows: int,
    generator: torch.Generator,
) -> Tensor:
    """Return gradient rows of a program whose sites draw by ``rule(site, generator) -> value``; check every path."""
    leaf = row_leaf(params, rows)
    count = 0

    def sample(distribution: Distribution) -> Tensor:
        nonlocal count
        if type(distribution) not in supported:
            wanted = ", ".join(each.__name__ for each in supported)
            raise UnsupportedSiteError(
                f"site {count}: {type(distribution).__name__} is not supported; this rule is for {wanted}"
            )
        site = finite_site_of(distribution, rows)
        value = rule(site, generator)
        if site.requires_grad and not value.requires_grad:
            raise NoGradientPathError.at(count, distribution, value)
        count += 1
        return value.to(site.dtype)

    return row_gradients(evaluate(program, leaf, sample), leaf)

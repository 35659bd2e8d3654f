"""The draws of ordinary code as laws that a program can sample: what is drawn, and from which tensors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor, distributions
from torch.distributions import Bernoulli, Binomial, Categorical, Distribution, Geometric, OneHotCategorical, Poisson

from ...estimators.sites.reading import SiteLaw

__all__ = ["OPEN", "Draw", "StandardUniform", "UnseenRandomnessError", "bits", "categories", "read_distribution", "uniforms"]


class UnseenRandomnessError(ValueError):
    """Code draws numbers of which no program is known; the message names the place and what was drawn."""


@dataclass(frozen=True, eq=False)
class Draw:
    """One draw of ordinary code, in one row.

    Attributes:
        tensors: The tensors on which its law depends.
        build: A function from the number of rows and those tensors, each with a leading dimension of rows, to the distribution
            that a program samples, ``[rows, ...]``.
        read: A function from the sampled value of one row to the value that the code expects.
        whole: True if the code expects whole numbers, in which nothing can be differentiated.
    """

    tensors: tuple[Tensor, ...]
    build: Callable[..., Distribution]
    read: Callable[[Tensor], Tensor] = lambda value: value
    whole: bool = False


@dataclass(frozen=True, eq=False)
class _UniformSite:
    """Uniform numbers between 0 and 1, which depend on no parameter."""

    zeros: Tensor

    finite: ClassVar[bool] = False
    uniform_shape: ClassVar[torch.Size] = torch.Size()
    requires_grad: ClassVar[bool] = False

    @property
    def shape(self) -> torch.Size:
        return self.zeros.shape

    @property
    def dtype(self) -> torch.dtype:
        return self.zeros.dtype

    @property
    def device(self) -> torch.device:
        return self.zeros.device

    def detach(self) -> _UniformSite:
        return self

    def draw(self, uniforms: Tensor) -> Tensor:
        return uniforms

    def value(self, outcome: Tensor) -> Tensor:
        return outcome

    def log_prob(self, outcome: Tensor) -> Tensor:
        return torch.zeros_like(outcome)

    def cdf(self, outcome: Tensor) -> Tensor:
        return outcome

    def nodes(self, count: int) -> tuple[Tensor, Tensor]:
        points = torch.arange(count, dtype=self.dtype).add(0.5).div(count).reshape(-1, *(1 for _ in self.shape))
        return points.expand(count, *self.shape), torch.full((count, *self.shape), 1 / count, dtype=self.dtype)


class StandardUniform(distributions.Uniform):
    """Noise that depends on no parameter; everything continuous is made of it by inversion."""

    site_law: ClassVar[SiteLaw] = SiteLaw(
        "values", read=lambda distribution: _UniformSite(distribution.low), detach=lambda distribution: distribution
    )


OPEN = 2.0**-25
"""Half of the least step of a uniform number: inverses of distribution functions are infinite at the ends."""


def bits(probs: Tensor, read: Callable[[Tensor], Tensor] = lambda value: value) -> Draw:
    """Return the draw of one bit for each probability."""
    return Draw((probs,), lambda rows, probs: Bernoulli(probs=probs, validate_args=False), read)


def categories(weights: Tensor, count: int) -> Draw:
    """Return the draw of `count` categories, with replacement, from weights ``[..., K]``."""

    def build(rows: int, weights: Tensor) -> Distribution:
        several = weights.unsqueeze(-2).expand(*weights.shape[:-1], count, weights.shape[-1])
        return Categorical(probs=several, validate_args=False)

    return Draw((weights,), build, torch.Tensor.long, whole=True)


def uniforms(shape: torch.Size, like: Tensor, read: Callable[[Tensor], Tensor] = lambda value: value) -> Draw:
    """Return the draw of uniform numbers, of the type and on the device of another tensor."""
    dtype, device = like.dtype if like.is_floating_point() else torch.get_default_dtype(), like.device

    def build(rows: int) -> Distribution:
        zeros = torch.zeros(rows, *shape, dtype=dtype, device=device)
        return StandardUniform(zeros, torch.ones_like(zeros), validate_args=False)

    return Draw((), build, lambda value: read(value.to(dtype)))


def read_distribution(distribution: Distribution, sample_shape: torch.Size) -> Draw | None:
    """Return the draw of a distribution's exact law; None if the law is not known.

    A relaxation stands for the discrete law that it relaxes. A continuous law with an inverse distribution function is that
    inverse of a uniform number, so that its dependence on the parameters is in the value.
    """
    if isinstance(distribution, distributions.Independent):
        return read_distribution(distribution.base_dist, sample_shape)
    if isinstance(distribution, distributions.RelaxedBernoulli):
        return _from_param("logits", Bernoulli, distribution.logits, sample_shape)
    if isinstance(distribution, distributions.RelaxedOneHotCategorical):
        return _from_param("logits", OneHotCategorical, distribution.logits, sample_shape)
    for kind in (OneHotCategorical, Bernoulli, Categorical, Geometric):
        if isinstance(distribution, kind):
            name = "logits" if kind is not OneHotCategorical and "logits" in vars(distribution) else "probs"
            return _from_param(name, kind, getattr(distribution, name), sample_shape)
    if isinstance(distribution, Poisson):
        return _from_param("rate", Poisson, distribution.rate, sample_shape)
    if isinstance(distribution, Binomial):
        total = int(distribution.total_count.max())
        if bool((distribution.total_count != total).any()):
            return None
        make = lambda probs, validate_args: Binomial(total, probs, validate_args=validate_args)  # noqa: E731
        return _from_param("probs", make, distribution.probs, sample_shape)
    return _invert(distribution, sample_shape)


def _from_param(name: str, kind: Callable[..., Distribution], param: Tensor, sample_shape: torch.Size) -> Draw:
    several = param.expand(torch.Size((*sample_shape, *param.shape)))
    draw = Draw((several,), lambda rows, param: kind(**{name: param}, validate_args=False))
    return replace(draw, read=torch.Tensor.long, whole=True) if kind is Categorical else draw


def _invert(distribution: Distribution, sample_shape: torch.Size) -> Draw | None:
    if distribution.event_shape or type(distribution).icdf is Distribution.icdf:
        return None
    like = next((value for value in vars(distribution).values() if isinstance(value, Tensor)), torch.zeros(()))
    shape = torch.Size((*sample_shape, *distribution.batch_shape))
    return uniforms(shape, like, lambda value: distribution.icdf(value.clamp(OPEN, 1 - OPEN)))

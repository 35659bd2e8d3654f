"""The use of a gradient estimator in training: from logits and a decoder to a surrogate whose gradient is the estimate.

A rule on one-hot samples gives edges that carry a gradient, so the decoder's loss is its own surrogate. Any other estimator
runs, as everywhere else, on the program "draw the edges, decode, return each graph's loss". The program's parameter is an
offset to the logits, so its rows are one gradient estimate per graph.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Categorical, OneHotCategorical

from ....estimators.moving_average import MovingAverageBaseline
from ....estimators.protocol import Estimator, NotApplicableError, Sample, describe
from ....estimators.runs.relaxed import Rule, with_rule
from ....estimators.straight_through import StraightThrough, straight_through_rule

__all__ = ["Decode", "Surrogate", "draw_hard", "make_surrogate", "prepare_estimator", "update_estimator"]

Decode = Callable[[Tensor], Tensor]
"""A function from edges ``[m B, E, K]``, m samples of each graph one after another, to the graphs' losses ``[m B]``."""


@dataclass(frozen=True, eq=False)
class Surrogate:
    """The result of one gradient estimate.

    Attributes:
        value: A number whose gradient, in the logits and in the decoder's parameters, is the estimate; its value is arbitrary.
        losses: The losses of the evaluated samples, ``[m B]``, detached.
    """

    value: Float[Tensor, ""]
    losses: Float[Tensor, " samples"]


def make_surrogate(
    estimator: Estimator,
    logits: Float[Tensor, "graphs edges types"],
    decode: Decode,
    parameters: Iterable[Tensor],
    generator: torch.Generator,
) -> Surrogate:
    """Estimate the gradient of the mean over graphs of the expected loss.

    The decoder learns from the estimator's first evaluation, which for most estimators is the only one.

    Args:
        estimator: An estimator that needs no more than the program; see `prepare_estimator`.
        logits: The logits of every edge's type, connected to the encoder.
        decode: A function that returns the graphs' losses; graphs are independent of each other.
        parameters: The decoder's parameters, which require a gradient.
        generator: The only source of randomness, on the logits' device.

    Raises:
        NotApplicableError: The estimator cannot be run on these sites.
        NoGradientPathError: Its samples carry no gradient.
    """
    rule = _find_rule(estimator)
    if rule is not None:
        edges = with_rule(rule, len(logits), generator)(OneHotCategorical(logits=logits, validate_args=False))
        losses = decode(edges)
        return Surrogate(losses.mean(), losses.detach())
    program = _EdgeProgram(logits.detach(), decode, tuple(parameters), _choose_draw(estimator, logits.shape[-1]))
    offset = torch.zeros_like(logits[0], requires_grad=False)
    rows = estimator(program, offset, len(logits), generator)
    value = (logits * rows).sum() / len(logits)
    for parameter, gradient in zip(program.parameters, program.gradients, strict=True):
        value = value + (parameter * gradient).sum()
    return Surrogate(value, program.losses)


def prepare_estimator(estimator: Estimator, loss: float) -> Estimator:
    """Return the estimator as it is at the start of training, where the mean loss is ``loss``.

    Raises:
        NotApplicableError: The estimator is fitted to one program at one point, and both change at every training step.
    """
    if isinstance(estimator, MovingAverageBaseline):
        return replace(estimator, baseline=loss)
    if hasattr(estimator, "fit"):
        raise NotApplicableError(
            f"{type(estimator).__name__} is fitted to one program at one point, but both change at every training step"
        )
    return estimator


def update_estimator(estimator: Estimator, losses: Tensor) -> Estimator:
    """Return the estimator for the next step; a moving average takes in these losses, which did not use it."""
    if not isinstance(estimator, MovingAverageBaseline):
        return estimator
    beta = estimator.decay
    return replace(estimator, baseline=beta * estimator.baseline + (1 - beta) * float(losses.double().mean()))


def draw_hard(logits: Float[Tensor, "graphs edges types"], generator: torch.Generator) -> Float[Tensor, "graphs edges types"]:
    """Draw one-hot edges from the posterior, without a gradient; every estimator is evaluated on these."""
    noise = torch.empty_like(logits, requires_grad=False).exponential_(generator=generator)
    index = (logits.detach().softmax(-1) / noise.clamp_min_(torch.finfo(noise.dtype).tiny)).argmax(-1)
    return torch.nn.functional.one_hot(index, logits.shape[-1]).to(logits)


@dataclass(eq=False)
class _EdgeProgram:
    """The program that draws every graph's edges at its own logits plus the offset, and decodes them.

    Attributes:
        logits: The logits, ``[B, E, K]``, detached.
        decode: A function from edges to losses.
        parameters: The decoder's parameters.
        draw_edges: A function that draws the edges' types as one-hot vectors.
        losses: The losses of the first evaluation.
        gradients: The gradients of their mean in the decoder's parameters.
    """

    logits: Tensor
    decode: Decode
    parameters: tuple[Tensor, ...]
    draw_edges: Callable[[Tensor, Sample], Tensor]
    losses: Tensor = field(default_factory=lambda: torch.empty(0))
    gradients: tuple[Tensor, ...] = ()

    def __call__(self, params: Tensor, sample: Sample) -> Tensor:
        graphs, rows = len(self.logits), len(params)
        if rows % graphs:
            raise NotApplicableError(f"the estimator runs {rows} rows for {graphs} graphs; expected a multiple of {graphs}")
        edges = self.draw_edges(self.logits.repeat_interleave(rows // graphs, 0) + params, sample)
        if self.gradients:
            return self.decode(edges)
        with torch.enable_grad():
            losses = self.decode(edges)
            self.gradients = torch.autograd.grad(losses.mean(), self.parameters, retain_graph=edges.requires_grad)
        self.losses = losses.detach()
        return losses if edges.requires_grad else self.losses


def _find_rule(estimator: Estimator) -> Rule | None:
    """Return the estimator's rule on one-hot samples, or None if it has none."""
    if isinstance(estimator, StraightThrough):
        return straight_through_rule
    rule: Rule | None = getattr(estimator, "rule", None)
    return rule


def _choose_draw(estimator: Estimator, types: int) -> Callable[[Tensor, Sample], Tensor]:
    """Return a function that draws one-hot sites, or indices if the estimator supports only those."""
    supported = describe(estimator).sites
    if OneHotCategorical in supported:
        return lambda logits, sample: sample(OneHotCategorical(logits=logits, validate_args=False))
    if Categorical in supported and types == 2:
        return _from_index
    raise NotApplicableError(
        f"{type(estimator).__name__} supports {', '.join(each.__name__ for each in supported)}; edges of {types} types are "
        "one-hot, or an index if there are two types"
    )


def _from_index(logits: Tensor, sample: Sample) -> Tensor:
    """Return ``(1 - i, i)``, which is linear in the index i, so that a gradient can flow."""
    index = sample(Categorical(logits=logits, validate_args=False))
    return torch.stack((1 - index, index), dim=-1)

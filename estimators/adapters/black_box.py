"""Foreign code that calls the objective itself, as an estimator: surrogate losses, and gradients outright."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.distributions import Distribution

from ..protocol import NoGradientPathError, Program, row_gradients, row_leaf
from .adapter import Adapter
from .answers import entry
from .calling import answer
from .convention import Convention, ForeignError
from .randomness import forked
from .sampler import SITES
from .single_site import SingleSite

__all__ = ["ForeignGradient", "gradient_rows", "loss_gradient"]


@dataclass(frozen=True)
class ForeignGradient(Adapter):
    """A foreign surrogate loss or gradient, on programs with one site.

    The foreign code is handed that site's probabilities or logits and the rest of the program as its objective f; its gradient
    goes on to the parameters by the chain rule, and what they change beside the site is added from samples of its own. Where
    rows of a call depend on each other, a call is one replicate. Global random state is forked and seeded from the generator,
    forward and backward. Cost: what the foreign code evaluates; a call a replicate where its rows are not independent.

    Args:
        target: The foreign callable.
        convention: How it is used; see `adapt`.

    Example:
        >>> from torch.distributions import OneHotCategorical
        >>> def reinforce(f, logits):
        ...     z = OneHotCategorical(logits=logits).sample()
        ...     return f(z).detach() * OneHotCategorical(logits=logits).log_prob(z)
        >>> arguments = (("", "objective"), ("", "theta"))
        >>> estimator = ForeignGradient(reinforce, Convention("surrogate loss", arguments, "logits", "one-hot"))
        >>> program = lambda params, sample: sample(OneHotCategorical(logits=params))[:, 0]
        >>> estimator(program, torch.zeros(3), 5, torch.Generator()).shape
        torch.Size([5, 3])
    """

    forward: ClassVar[str] = "forced"

    @property
    def sites(self) -> tuple[type[Distribution], ...]:
        """The sites whose values it draws."""
        return tuple(SITES[each] for each in self.convention.sites)

    @property
    def evaluations(self) -> int | None:
        """Evaluations a replicate, as they were counted when it was probed."""
        return self.convention.evaluations

    def _run(self, target: Any, program: Program, params: Tensor, rows: int, generator: torch.Generator) -> Tensor:
        with forked(generator, target):
            leaf = row_leaf(params, rows)
            single = SingleSite.of(program, params, leaf)
            theta = single.parameter(self.convention.takes, bits=self.convention.returns == "value")
            gradient = self._gradients(target, single, theta.detach(), generator)
            surrogate = (theta * gradient).sum(-1)
            direct = single.direct(generator)
            return row_gradients(surrogate if direct is None else surrogate + direct, leaf)

    def _gradients(self, target: Any, single: SingleSite, theta: Tensor, generator: torch.Generator) -> Tensor:
        """Replicates of the gradient in the site's parameter, ``[rows, K]``."""
        convention = self.convention
        whole = convention.group == 1 and not (convention.layout == "single" and convention.reduction == "mean")
        if whole:
            objective = single.objective(convention.returns)
            return gradient_rows(target, convention, objective, theta, generator)
        made = []
        for row in range(len(theta)):
            # Row 0 of every later call would be row 0 of the program, which is the first replicate's alone.
            objective = single.objective(convention.returns, ballast=row > 0)
            batch = theta[:1].expand(convention.group, -1)
            made.append(gradient_rows(target, convention, objective, batch, generator).mean(0))
        return torch.stack(made)


def gradient_rows(target: Any, convention: Convention, objective: Any, theta: Tensor, generator: torch.Generator) -> Tensor:
    """One call of the foreign code, as gradients in its parameters.

    Args:
        target: The foreign callable.
        convention: How it is used.
        objective: What it calls.
        theta: ``[rows, K]``, all rows alike.
        generator: Passed on where the foreign code takes one.

    Returns:
        ``[rows, K]``, or ``[1, K]`` where one call gives one gradient.

    Raises:
        NoGradientPathError: A loss came without a graph.
        ForeignError: Another shape than was probed.
    """
    single = convention.layout == "single"
    leaf = (theta[0] if single else theta).clone().requires_grad_(not convention.detached)
    many = len(theta) if single and convention.reduction == "rows" else convention.samples
    heat = None if convention.temperature is None else theta.new_tensor(convention.temperature)
    filled = {"theta": leaf, "objective": objective, "count": many, "generator": generator, "temperature": heat}
    found = entry(answer(target, convention, filled), convention)
    if convention.kind == "surrogate loss":
        return loss_gradient(found, leaf, convention)
    expected = leaf.shape if single and convention.reduction == "mean" else theta.shape
    if found.shape != expected:
        raise ForeignError(f"it returned shape {tuple(found.shape)}; expected {tuple(expected)}, as when it was probed")
    rows = found.detach().to(theta).reshape(-1, theta.shape[-1])
    return rows * len(theta) if not single and convention.reduction == "mean" else rows


def loss_gradient(loss: Tensor, leaf: Tensor, convention: Convention) -> Tensor:
    """A surrogate loss as gradients, one a row of what it was handed.

    Args:
        loss: One number, or one a row.
        leaf: What it was handed, ``[rows, ...]``.
        convention: What the loss sums up.

    Raises:
        NoGradientPathError: The loss came without a graph, or without what it was handed in it.
        ForeignError: Another shape than was probed.
    """
    if not loss.requires_grad:
        raise NoGradientPathError(f"site 0: its {convention.takes} require a gradient, the {loss.dtype} loss carries none")
    if (loss.dim() == 0) != (convention.reduction != "rows") or loss.numel() not in (1, len(leaf)):
        raise ForeignError(f"it returned a loss of shape {tuple(loss.shape)} for {len(leaf)} rows; other than it was probed")
    (gradient,) = torch.autograd.grad(loss.sum(), leaf, allow_unused=True)
    if gradient is None:
        raise NoGradientPathError(f"site 0: the loss does not depend on the {convention.takes} that it was handed")
    return gradient * len(leaf) if convention.reduction == "mean" else gradient

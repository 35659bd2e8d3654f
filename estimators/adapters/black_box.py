"""Foreign code that calls the objective itself, as an estimator: surrogate losses, and gradients outright."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import torch
from torch import Tensor
from torch.distributions import Distribution

from ..protocol import Program, row_gradients, row_leaf
from .adapter import Adapter
from .answers import entry
from .batches import REDUCTION_WORDS, BatchConvention, loss_gradient, value_words
from .calling import answer
from .convention import PASSED_WORDS, ForeignError
from .probe_objective import ProbeObjective
from .randomness import forked
from .reading import EVERY
from .sampler import SITES
from .single_site import SingleSite
from .trial import PROBE_ROWS, feed, heat_of

__all__ = [
    "ForeignGradient",
    "GradientConvention",
    "LossConvention",
    "ObjectiveConvention",
    "gradient_rows",
]

_CALLED_WITH = {"one-hot": "one-hot vectors", "index": "indices", "value": "bits"}


@dataclass(frozen=True, repr=False)
class ObjectiveConvention(BatchConvention):
    """What the two kinds have in common that call the objective themselves: losses and gradients.

    Attributes:
        returns: What it calls the objective with: ``one-hot``, ``index`` or ``value``.
        samples: What is passed where a number of samples is demanded; in a ``single`` layout, samples of one replicate.
        evaluations: Program evaluations a replicate.
    """

    returns: str = ""
    samples: int = 1
    evaluations: int = 1

    @property
    def sites(self) -> tuple[str, ...]:
        """Names of the distributions whose values it draws."""
        return ("Bernoulli",) if self.returns == "value" else EVERY

    def adapt(self, target: Any) -> ForeignGradient:
        """The estimator that hands a target the objective."""
        return ForeignGradient(target, self)

    def with_group(self, size: int) -> Self:
        """The convention with another number of rows that are one replicate, and the evaluations that they take."""
        return replace(self, group=size, evaluations=size * (self.evaluations // self.group))

    def filled(self, objective: ProbeObjective, *, bits: bool, rows: int = PROBE_ROWS) -> dict[str, Any]:
        """What a call in a probe is handed, with an objective that listens."""
        theta = feed(self.takes, bits=bits, rows=1 if self.layout == "single" else rows)
        theta = theta[0].detach().requires_grad_() if self.layout == "single" else theta
        return {"theta": theta, "objective": objective, "count": self.samples}

    def trial_call(self) -> dict[str, Any]:
        """The probing law, and a cubic objective."""
        return {**self.filled(ProbeObjective(), bits=self.returns == "value"), "temperature": heat_of(self)}

    def _parts(self, reduction: str, value: str = "") -> list[str]:
        """What a sentence says, with what comes back of several rows and, of a loss, what its value is."""
        unit = f"{PASSED_WORDS[self.passed]} of {'one point' if self.layout == 'single' else 'a batch'}"
        parts = [f"takes {self.takes}{unit}", f"calls the objective with {_CALLED_WITH[self.returns]}", f"returns {reduction}"]
        parts += [value] if value else []
        if "count" in self.roles and (self.layout == "rows" or self.reduction == "mean"):
            parts.append(f"{self.samples} sample{'s' * (self.samples > 1)} a replicate")
        return parts + self.group_words


@dataclass(frozen=True, repr=False)
class GradientConvention(ObjectiveConvention):
    """How code is used that returns gradients outright."""

    kind: ClassVar[str] = "gradient"
    is_loss: ClassVar[bool] = False

    def sentence(self) -> str:
        """The convention in words, for a report."""
        mean = "one a row, of their mean" if self.layout == "rows" else "their mean"
        return self._in_words("a gradient", self._parts(mean if self.reduction == "mean" else "one a row"))


@dataclass(frozen=True, repr=False)
class LossConvention(ObjectiveConvention):
    """How a surrogate loss is used that calls the objective.

    Attributes:
        right_value: Its own value is the objective's.
    """

    kind: ClassVar[str] = "surrogate loss"
    is_loss: ClassVar[bool] = True

    right_value: bool = False

    def sentence(self) -> str:
        """The convention in words, for a report."""
        return self._in_words("a surrogate loss", self._parts(REDUCTION_WORDS[self.reduction], value_words(self.right_value)))


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
        >>> estimator = ForeignGradient(reinforce, LossConvention(arguments, "logits", returns="one-hot"))
        >>> program = lambda params, sample: sample(OneHotCategorical(logits=params))[:, 0]
        >>> estimator(program, torch.zeros(3), 5, torch.Generator()).shape
        torch.Size([5, 3])
    """

    convention: ObjectiveConvention

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


def gradient_rows(
    target: Any, convention: ObjectiveConvention, objective: Any, theta: Tensor, generator: torch.Generator
) -> Tensor:
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
    if convention.is_loss:
        return loss_gradient(found, leaf, convention)
    expected = leaf.shape if single and convention.reduction == "mean" else theta.shape
    if found.shape != expected:
        raise ForeignError(f"it returned shape {tuple(found.shape)}; expected {tuple(expected)}, as when it was probed")
    rows = found.detach().to(theta).reshape(-1, theta.shape[-1])
    return rows * len(theta) if not single and convention.reduction == "mean" else rows

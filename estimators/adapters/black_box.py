"""Foreign code that calls the objective itself and returns a loss or gradients: two conventions and the estimator."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import torch
from torch import Tensor
from torch.distributions import Distribution

from ..protocol import Program, row_gradients, row_leaf
from .adapter import Adapter
from .answers import pick_tensor
from .batches import LOSS_WORDS, BatchConvention, describe_value, differentiate_loss
from .calling import call_target
from .convention import PASSED_WORDS, ForeignError
from .probe_objective import ProbeObjective, name_objective
from .randomness import copy_with_noise, fork_randomness
from .reading import EVERY
from .sampler import SITES
from .single_site import OwnGradient, SingleSite
from .trial import PROBE_ROWS, make_parameters, make_temperature

__all__ = [
    "ForeignGradient",
    "GradientConvention",
    "LossConvention",
    "ObjectiveConvention",
    "call_for_gradients",
]

_CALLED_WITH = {"one-hot": "one-hot vectors", "index": "indices", "value": "bits"}


@dataclass(frozen=True, repr=False)
class ObjectiveConvention(BatchConvention):
    """The common part of the kinds that call the objective themselves: losses and gradients.

    Attributes:
        returns: The form of the samples with which it calls the objective: ``one-hot``, ``index`` or ``value``.
        samples: The number of samples to pass, if it is demanded; in a ``single`` layout, the samples of one replicate.
        evaluations: The number of program evaluations per replicate.
        deterministic: True if it draws nothing, so that it gives the same gradient in every row and call.
    """

    returns: str = ""
    samples: int = 1
    evaluations: int = 1
    deterministic: bool = False

    @property
    def rewards(self) -> bool:
        """True if it calls a reward: it is handed the negated objective."""
        return "reward_objective" in self.roles

    @property
    def sites(self) -> tuple[str, ...]:
        """The names of the distributions whose values it draws."""
        return ("Bernoulli",) if self.returns == "value" else EVERY

    def adapt(self, target: Any) -> ForeignGradient:
        """Return the estimator that hands the objective to a target."""
        return ForeignGradient(target, self)

    def with_group(self, size: int) -> Self:
        """Return the convention with another number of rows per replicate, and their evaluations."""
        return replace(self, group=size, evaluations=size * (self.evaluations // self.group))

    def fill(self, objective: ProbeObjective, *, bits: bool, rows: int = PROBE_ROWS) -> dict[str, Any]:
        """Return the values to pass in a probe, by role."""
        theta = make_parameters(self.takes, bits=bits, rows=1 if self.layout == "single" else rows)
        theta = theta[0].detach().requires_grad_() if self.layout == "single" else theta
        return {"theta": theta, **objective.as_functions(), "count": self.samples}

    def fill_trial(self) -> dict[str, Any]:
        """Return the probing law and a cubic objective."""
        return {**self.fill(ProbeObjective(), bits=self.returns == "value"), "temperature": make_temperature(self)}

    def _list_parts(self, reduction: str, value: str = "") -> list[str]:
        """Return the parts of the sentence, with words for the reduction and for the value of a loss."""
        unit = f"{PASSED_WORDS[self.passed]} of {'one point' if self.layout == 'single' else 'a batch'}"
        called = "reward (the objective, negated)" if self.rewards else "objective"
        parts = [f"takes {self.takes}{unit}", f"calls the {called} with {_CALLED_WITH[self.returns]}", f"returns {reduction}"]
        parts += [value] if value else []
        if "count" in self.roles and (self.layout == "rows" or self.reduction == "mean"):
            parts.append(f"{self.samples} sample{'s' * (self.samples > 1)} per replicate")
        parts += ["draws nothing, so that one call gives its gradient"] if self.deterministic else []
        return parts + self.own_words + self.group_words


@dataclass(frozen=True, repr=False)
class GradientConvention(ObjectiveConvention):
    """The convention of code that calls the objective and returns gradients."""

    kind: ClassVar[str] = "gradient"
    is_loss: ClassVar[bool] = False

    def sentence(self) -> str:
        """Describe the convention in one sentence for a report."""
        mean = "one gradient per row of the mean loss" if self.layout == "rows" else "one gradient"
        words = mean if self.reduction == "mean" else "one gradient per row"
        return self._write_sentence("a gradient", self._list_parts(words))


@dataclass(frozen=True, repr=False)
class LossConvention(ObjectiveConvention):
    """The convention of a surrogate loss that calls the objective.

    Attributes:
        right_value: True if the value of the loss is the value of the objective.
    """

    kind: ClassVar[str] = "surrogate loss"
    is_loss: ClassVar[bool] = True

    right_value: bool = False

    def sentence(self) -> str:
        """Describe the convention in one sentence for a report."""
        words = "one loss" if (self.layout, self.reduction) == ("single", "mean") else LOSS_WORDS[self.reduction]
        parts = self._list_parts(words, describe_value(self.right_value))
        return self._write_sentence("a surrogate loss", parts)


@dataclass(frozen=True)
class ForeignGradient(Adapter):
    """An estimator that calls a foreign surrogate loss or gradient, on programs with one site.

    The foreign code is handed the site's probabilities or logits, and the rest of the program as its objective f. The chain
    rule carries its gradient to the parameters. If the parameters also enter beside the site, the objective has a gradient of
    its own: a loss is handed the objective with its graph, and keeps that gradient or not; to returned gradients it is added,
    from new samples. Nothing is handed over or added where the convention cuts the objective's own gradient.
    If the rows of a call depend on each other, one call is one replicate. Global random state is forked and seeded from the
    generator, forward and backward. Cost: the evaluations of the foreign code; one call per replicate if its rows depend on
    each other.

    Args:
        target: The foreign callable.
        convention: The convention that it follows; see `find_convention`.

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
        return tuple(SITES[name] for name in self.convention.sites)

    @property
    def evaluations(self) -> int | None:
        """The number of evaluations per replicate, as the probe counted them."""
        return self.convention.evaluations * self.convention.calls

    @property
    def deterministic(self) -> bool:
        """True if the foreign code draws nothing, so that all its rows are one number."""
        return self.convention.deterministic

    def _run(self, target: Any, program: Program, params: Tensor, rows: int, generator: torch.Generator) -> Tensor:
        with fork_randomness(generator, target):
            leaf = row_leaf(params, rows)
            single = SingleSite.of(program, params, leaf)
            theta = single.read_parameter(self.convention.takes, bits=self.convention.returns == "value")
            keeps = single.has_own_gradient and self.convention.objective_gradient == "keep"
            call = _Call(target, self.convention, single, generator, keeps and self.convention.is_loss)
            gradient, own = self._draw_gradients(call, theta.detach())
            surrogate = (theta * gradient).sum(-1)
            if keeps and not self.convention.is_loss:
                deterministic = self.convention.deterministic
                surrogate = surrogate + (single.mean_objective() if deterministic else single.draw_direct_term(generator))
            chained = row_gradients(surrogate, leaf)
            return chained if own is None else chained + own

    def _draw_gradients(self, call: _Call, theta: Tensor) -> tuple[Tensor, Tensor | None]:
        """Draw replicates of the gradient in the site's parameter, ``[rows, K]``, and of a loss's in the objective's own."""
        convention = self.convention
        if convention.deterministic:
            gradient, own = call.take_gradients(theta[:1].expand(convention.group, -1))
            means = [each.mean(0).expand(len(theta), *each.shape[1:]) for each in (gradient, *own)]
            return means[0], means[1] if own else None
        if (
            convention.group == 1
            and convention.calls == 1
            and not (convention.layout == "single" and convention.reduction != "rows")
        ):
            gradient, own = call.take_gradients(theta)
            if not call.unclear:
                return gradient, own[0] if own else None
        batch = theta[:1].expand(convention.group, -1)
        replicates = [call.draw_replicate(batch, ballast=row > 0) for row in range(len(theta))]
        gradients, *owns = (torch.stack(each) for each in zip(*replicates, strict=True))
        return gradients, owns[0] if owns else None


@dataclass(eq=False)
class _Call:
    """A foreign callable with a program's objective; every call makes an objective of its own.

    Attributes:
        target: The foreign callable.
        convention: The convention that it follows.
        single: The program.
        generator: The generator to pass, if the foreign code takes one.
        keeps: True if the objective is handed over with its graph.
        unclear: True if a call did not show to which rows the objective's own gradient belongs.
    """

    target: Any
    convention: ObjectiveConvention
    single: SingleSite
    generator: torch.Generator
    keeps: bool
    unclear: bool = False

    def take_gradients(self, theta: Tensor, *, ballast: bool = False) -> tuple[Tensor, list[Tensor]]:
        """Call the target once; return its gradients in its parameters, and in those of the objective if it keeps its graph."""
        own = OwnGradient.of(self.single.params, len(theta)) if self.keeps else None
        objective = self.single.make_objective(self.convention.returns, ballast=ballast, own=own)
        leaves = () if own is None else (own.leaf,)
        gradient, *rest = call_for_gradients(self.target, self.convention, objective, theta, self.generator, leaves)
        self.unclear = own is not None and own.unclear
        return gradient, rest

    def draw_replicate(self, batch: Tensor, *, ballast: bool) -> list[Tensor]:
        """Return the means over the rows of a batch, and over several calls in a row if the target keeps state.

        Every replicate then starts from the state as it was handed. Row 0 of the program belongs to the first call of the first
        replicate, so that every other call needs another row 0.
        """
        if self.convention.calls == 1:
            gradient, own = self.take_gradients(batch, ballast=ballast)
            return [each.mean(0) for each in (gradient, *own)]
        with copy_with_noise(self.target, self.generator) as target:
            fresh = replace(self, target=target)
            calls = [fresh.take_gradients(batch, ballast=ballast or number > 0) for number in range(self.convention.calls)]
        return [torch.stack(each).mean((0, 1)) for each in zip(*((gradient, *own) for gradient, own in calls), strict=True)]


def call_for_gradients(
    target: Any,
    convention: ObjectiveConvention,
    objective: Any,
    theta: Tensor,
    generator: torch.Generator,
    leaves: tuple[Tensor, ...] = (),
) -> list[Tensor]:
    """Call foreign code once, and return its gradients in its parameters.

    Args:
        target: The foreign callable.
        convention: The convention that it follows.
        objective: The objective that it calls.
        theta: The parameters, ``[rows, K]``; all rows are equal.
        generator: The generator to pass, if the foreign code takes one.
        leaves: The leaves of the objective in which a loss is differentiated as well, ``[rows, ...]``.

    Returns:
        The gradients in the parameters, ``[rows, K]``, or ``[1, K]`` if one call gives one gradient; then those in the leaves.

    Raises:
        NoGradientPathError: A loss has no graph.
        ForeignError: The result has another shape than in the probe.
    """
    single = convention.layout == "single"
    leaf = (theta[:1] if single else theta).clone().requires_grad_(not convention.detached)
    many = len(theta) if single and convention.reduction == "rows" else convention.samples
    heat = None if convention.temperature is None else theta.new_tensor(convention.temperature)
    filled = {
        "theta": leaf[0] if single else leaf,
        **name_objective(objective),
        "count": many,
        "generator": generator,
        "temperature": heat,
    }
    value = pick_tensor(call_target(target, convention, filled), convention)
    if convention.is_loss:
        return differentiate_loss(value, (leaf, *leaves), convention)
    expected = theta.shape[1:] if single and convention.reduction == "mean" else theta.shape
    if value.shape != expected:
        raise ForeignError(f"it returned shape {tuple(value.shape)}; expected {tuple(expected)}, as when it was probed")
    rows = value.detach().to(theta).reshape(-1, theta.shape[-1])
    rows = -rows if convention.rewards else rows  # the gradient of a reward
    return [rows * len(theta) if not single and convention.reduction == "mean" else rows]

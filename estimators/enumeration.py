"""Enumeration: every path of a small program as one batch."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from .protocol import FINITE_SITES, Claims, NotApplicableError, Program, evaluate, row_gradients, row_leaf
from .runs.outcomes import in_columns
from .runs.tape import Tape, forcing, recording
from .sites.reading import FiniteSite, finite_site_of

__all__ = ["Enumeration", "Paths", "count_paths", "enumerate_paths"]


@dataclass(frozen=True, eq=False)
class Paths:
    """The possible paths of a program at one parameter.

    Attributes:
        weight: Probability of each path, ``[paths]``.
        weight_gradient: Its derivative, ``[paths, *param]``.
        objective: Its objective, ``[paths]``.
        objective_gradient: The objective's own derivative at fixed outcomes, ``[paths, *param]``.
        outcomes: The index at every element, ``[paths, elements]``.
    """

    weight: Tensor
    weight_gradient: Tensor
    objective: Tensor
    objective_gradient: Tensor
    outcomes: Tensor

    def mean(self) -> Tensor:
        """Return ``E f``."""
        return (self.weight * self.objective).sum()

    def gradient(self) -> Tensor:
        """Return ``sum_x f(x) dP(x) + P(x) df(x)``, ``[*param]``."""
        shape = (-1,) + (1,) * (self.weight_gradient.dim() - 1)
        weight, objective = self.weight.reshape(shape), self.objective.reshape(shape)
        return (objective * self.weight_gradient + weight * self.objective_gradient).sum(0)


def count_paths(program: Program, params: Tensor) -> int:
    """Count the paths of a program, possible or not, by one run of one row."""
    return math.prod(_categories(program, params))


def enumerate_paths(program: Program, params: Tensor, max_paths: int = 2**16) -> Paths:
    """Run a program over all outcomes of all its sites.

    The weights come first, and the objective is evaluated only on paths whose weight or whose weight's derivative is not zero:
    on an impossible path it may be infinite, and 0 * inf would spoil the sum.

    Args:
        program: The program; the order of its sites and their category counts must not depend on the outcomes.
        params: ``[*param]``.
        max_paths: The most paths to run.

    Returns:
        The possible paths.

    Raises:
        NotApplicableError: The program has more than `max_paths` paths.
    """
    radices = _categories(program, params)
    total = math.prod(radices)
    if total > max_paths:
        raise NotApplicableError(f"enumeration: the program has {total:.3g} paths, more than max_paths={max_paths}")
    outcomes = _digits(torch.arange(total, device=params.device), radices)
    leaf, weight, _ = _run(program, params, outcomes)
    derivative = row_gradients(weight, leaf)
    possible = (weight.detach() > 0) | (derivative.reshape(total, -1) != 0).any(1)
    outcomes = outcomes[possible]
    leaf, weight, objective = _run(program, params, outcomes)
    return Paths(
        weight=weight.detach(),
        weight_gradient=derivative[possible],
        objective=objective.detach(),
        objective_gradient=row_gradients(objective, leaf),
        outcomes=outcomes,
    )


@dataclass(frozen=True)
class Enumeration:
    """The exact gradient, by a sum over all paths.

    ``grad E f = sum_x f(x) grad P(x) + P(x) grad f(x)``. Unbiased, without variance; its cost is the product of all sites'
    category counts, so it serves small programs and as a reference.

    Args:
        max_paths: The most paths to run.

    Example:
        >>> import torch
        >>> from torch.distributions import Bernoulli
        >>> program = lambda params, sample: (sample(Bernoulli(params)) + 1) ** 3
        >>> Enumeration()(program, torch.tensor(0.3), 2, torch.Generator())
        tensor([7., 7.])
    """

    max_paths: int = 2**16

    claims: ClassVar[Claims] = Claims(bias="unbiased")
    sites: ClassVar[tuple[type, ...]] = FINITE_SITES
    deterministic: ClassVar[bool] = True
    forward: ClassVar[str] = "forced"
    evaluations: ClassVar[int | None] = None
    reference: ClassVar[str] = "Definition of the expectation"

    def __call__(
        self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator
    ) -> Float[Tensor, "{num_samples} *param"]:
        """Return the exact gradient, repeated: ``[num_samples, *param]``."""
        gradient = enumerate_paths(program, params, self.max_paths).gradient()
        return gradient.expand(num_samples, *gradient.shape)


def _categories(program: Program, params: Tensor) -> list[int]:
    """Return the number of categories of every element, in drawing order."""
    tape: Tape[FiniteSite] = Tape()
    with torch.no_grad():
        generator = torch.Generator(params.device).manual_seed(0)
        evaluate(program, params.unsqueeze(0), recording(1, generator, tape, finite_site_of))
    return [entry.site.num_categories for entry in tape.draws for _ in range(math.prod(entry.site.shape[1:]))]


def _digits(number: Tensor, radices: list[int]) -> Tensor:
    """Return the mixed-radix digits of each number, ``[len(number), len(radices)]``, the first element's digit first."""
    digits = []
    for radix in reversed(radices):
        digits.append(number % radix)
        number = number // radix
    return torch.stack(digits[::-1], 1) if digits else number.new_zeros(len(number), 0)


def _run(program: Program, params: Tensor, outcomes: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the leaf, the path weight (connected to the leaf) and the objective of the given outcomes."""
    rows = outcomes.shape[0]
    tape: Tape[FiniteSite] = Tape()
    leaf = row_leaf(params, rows)
    objective = evaluate(program, leaf, forcing(rows, in_columns(outcomes), tape, finite_site_of))
    weight = torch.ones(rows, dtype=params.dtype, device=params.device)
    for entry in tape.draws:
        weight = weight * entry.site.probability(entry.index).reshape(rows, -1).prod(1)
    return leaf, weight, objective

"""A program with one site as an objective of that site's value, for foreign code that calls the objective itself."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.distributions import Distribution

from ..protocol import NotApplicableError, Program, evaluate
from ..runs.relaxed import one_hot
from ..runs.tape import draw
from ..sites.reading import BernoulliSite, FiniteSite, finite_site_of
from .site_logits import read_parameter

__all__ = ["OwnGradient", "SingleSite"]

_MOST_VALUES = 256


@dataclass(eq=False)
class OwnGradient:
    """The parameters that the objective of one call depends on beside its samples, as leaves: one point per row of the call.

    Attributes:
        leaf: The parameters, ``[rows, *param]``, requiring a gradient.
        unclear: True if the objective was called with values whose rows could not be told, so that all of its own gradient
            lies in row 0.
    """

    leaf: Tensor
    unclear: bool = False

    @classmethod
    def of(cls, params: Tensor, rows: int) -> OwnGradient:
        """Return fresh leaves for a call with a number of rows."""
        return cls(params.detach().expand(rows, *params.shape).clone().requires_grad_())

    def expand(self, lead: torch.Size) -> Tensor:
        """Return the parameters for values of a leading shape, ``[values, *param]``; its last dimension as long as the rows."""
        rows, *param = self.leaf.shape
        places = [place for place, size in enumerate(lead) if size == rows]
        if rows == 1 or not places:
            self.unclear = self.unclear or rows > 1
            return self.leaf[:1].expand(math.prod(lead), *param)
        shape = [rows if place == places[-1] else 1 for place in range(len(lead))]
        return self.leaf.reshape(*shape, *param).expand(*lead, *param).reshape(-1, *param)


@dataclass(frozen=True, eq=False)
class SingleSite:
    """One run of a program with one site.

    Attributes:
        program: The program.
        params: One point, ``[*param]``.
        leaf: The same point for every row, ``[rows, *param]``.
        distribution: The distribution of the program's site, with the graph to the leaf.
        site: The site, read from the distribution.
        has_own_gradient: True if the objective depends on the parameters beside its site.
    """

    program: Program
    params: Tensor
    leaf: Tensor
    distribution: Distribution
    site: FiniteSite
    has_own_gradient: bool

    @classmethod
    def of(cls, program: Program, params: Tensor, leaf: Tensor) -> SingleSite:
        """Run a program once to read its site.

        Raises:
            NotApplicableError: The program has several sites, or several categorical elements in one site.
        """
        sites: list[tuple[Distribution, FiniteSite]] = []

        def sample(distribution: Distribution) -> Tensor:
            site = finite_site_of(distribution, len(leaf))
            sites.append((distribution, site))
            return site.from_index(torch.zeros(site.shape, dtype=torch.long, device=site.device))

        objective = evaluate(program, leaf, sample)
        if len(sites) != 1:
            raise NotApplicableError(
                f"it calls the objective with the value of one site, but this program has {len(sites)} sites; use a program "
                "with one site"
            )
        ((distribution, site),) = sites
        if not isinstance(site, BernoulliSite) and len(site.shape) > 1:
            raise NotApplicableError(
                f"it draws one category per row, but this program's site has {tuple(site.shape[1:])} of them per row"
            )
        return cls(program, params, leaf, distribution, site, objective.requires_grad)

    def read_parameter(self, takes: str, *, bits: bool) -> Tensor:
        """Return the site's probabilities or logits, ``[rows, K]`` or ``[rows, bits]``, with the graph to the leaf."""
        if not bits:
            if isinstance(self.site, BernoulliSite) and len(self.site.shape) > 1:
                raise NotApplicableError(
                    f"it draws one category per row, but this program draws {tuple(self.site.shape[1:])} bits per row"
                )
        elif not isinstance(self.site, BernoulliSite):
            raise NotApplicableError("it draws bits, but this program's site has categories")
        parameter = read_parameter(self.distribution, self.site, takes, bits=bits)
        return parameter.reshape(len(self.leaf), -1) if bits else parameter

    def make_objective(self, form: str, *, ballast: bool = False, own: OwnGradient | None = None) -> Callable[[Any], Any]:
        """Return the objective as a function of the site's value.

        The value may have any leading shape and any floating type, and may be a NumPy array.

        Args:
            form: The form of the values with which it will be called: ``one-hot``, ``index`` or ``value`` (bits).
            ballast: Run an additional first row whose result is dropped, so that row 0 of the program belongs to no replicate.
            own: The parameters with which the program runs; None detaches the objective from its parameters.
        """

        def objective(value: Any) -> Any:
            given = torch.as_tensor(value, device=self.params.device)
            lead = given.shape if form == "index" else given.shape[:-1]
            rows = math.prod(lead)
            flat = self._convert_value(given.reshape(rows, *given.shape[len(lead) :]), form)
            points = self.params.expand(rows, *self.params.shape) if own is None else own.expand(lead)
            if ballast:
                flat, points = (torch.cat((each[:1].detach(), each)) for each in (flat, points))
            costs = evaluate(self.program, points, lambda distribution: flat)
            costs = costs[int(ballast) :].reshape(lead)
            if isinstance(value, np.ndarray):
                return costs.detach().cpu().numpy()
            return costs.to(given.dtype) if given.is_floating_point() else costs

        return objective

    def draw_direct_term(self, generator: torch.Generator) -> Tensor:
        """Return the objective at new samples, ``[rows]``, with the graph to the leaf.

        The gradient of this term at fixed samples is the part that the gradient in the site's parameter leaves out.
        """
        value = self.site.from_index(draw(self.site.detach(), generator))
        return self._evaluate_at(value)

    def mean_objective(self) -> Tensor:
        """Return the mean of the objective over all values of the site, ``[rows]``, with the graph to the leaf beside the site.

        Raises:
            NotApplicableError: The site has more than 256 values.
        """
        elements = math.prod(self.site.shape[1:])
        count = self.site.num_categories**elements
        if count > _MOST_VALUES:
            raise NotApplicableError(
                f"it draws nothing, and the objective's own gradient has to be summed over {count} values of the site; use a "
                f"site with {_MOST_VALUES} at most, or --objective-gradient cut"
            )
        held, total = self.site.detach(), torch.zeros(())
        for outcome in product(range(self.site.num_categories), repeat=elements):
            index = torch.tensor(outcome, device=self.site.device).reshape(1, *self.site.shape[1:]).expand(self.site.shape)
            chance, value = held.probability(index).reshape(len(self.leaf), -1).prod(1), held.from_index(index)
            total = total + chance * self._evaluate_at(value)
        return total

    def _evaluate_at(self, value: Tensor) -> Tensor:
        """Return the objective at a value of the site, ``[rows]``, with the graph to the leaf."""
        return evaluate(self.program, self.leaf, lambda distribution: value)

    def _convert_value(self, flat: Tensor, form: str) -> Tensor:
        """Convert ``[rows, ...]`` to the site's value as the program expects it; gradients pass."""
        shape = (len(flat), *self.site.shape[1:])
        if form == "value":
            return flat.to(self.site.dtype).reshape(shape)
        if form == "index":
            return self._with_rows(len(flat)).from_one_hot(one_hot(self._with_rows(len(flat)), flat))
        return self._with_rows(len(flat)).from_one_hot(flat.to(self.site.dtype))

    def _with_rows(self, rows: int) -> FiniteSite:
        """Return the site with another number of rows."""
        probs = self.site.probs.detach()[:1]
        return self.site.with_probs(probs.expand(rows, *probs.shape[1:]))

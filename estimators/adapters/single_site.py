"""A program with one site as an objective of that site's value, for foreign code that calls the objective itself."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.distributions import Distribution

from ..protocol import NotApplicableError, Program, evaluate
from ..runs.relaxed import one_hot
from ..runs.tape import draw
from ..sites.reading import BernoulliSite, FiniteSite, finite_site_of

__all__ = ["SingleSite"]


@dataclass(frozen=True, eq=False)
class SingleSite:
    """One run of a program with one site.

    Attributes:
        program: The program.
        params: One point, ``[*param]``.
        leaf: The same point for every row, ``[rows, *param]``.
        site: The program's site, with the graph to the leaf.
    """

    program: Program
    params: Tensor
    leaf: Tensor
    site: FiniteSite

    @classmethod
    def of(cls, program: Program, params: Tensor, leaf: Tensor) -> SingleSite:
        """Run a program once to read its site.

        Raises:
            NotApplicableError: The program has several sites, or several categorical elements in one site.
        """
        sites: list[FiniteSite] = []

        def sample(distribution: Distribution) -> Tensor:
            site = finite_site_of(distribution, len(leaf))
            sites.append(site)
            return site.from_index(torch.zeros(site.shape, dtype=torch.long, device=site.device))

        evaluate(program, leaf, sample)
        if len(sites) != 1:
            raise NotApplicableError(
                f"it calls the objective with the value of one site, but this program has {len(sites)} sites; use a program "
                "with one site"
            )
        (site,) = sites
        if not isinstance(site, BernoulliSite) and len(site.shape) > 1:
            raise NotApplicableError(
                f"it draws one category per row, but this program's site has {tuple(site.shape[1:])} of them per row"
            )
        return cls(program, params, leaf, site)

    def read_parameter(self, takes: str, *, bits: bool) -> Tensor:
        """Return the site's probabilities or logits, ``[rows, K]`` or ``[rows, bits]``, with the graph to the leaf."""
        if not bits:
            if isinstance(self.site, BernoulliSite) and len(self.site.shape) > 1:
                raise NotApplicableError(
                    f"it draws one category per row, but this program draws {tuple(self.site.shape[1:])} bits per row"
                )
            return self.site.probabilities() if takes == "probs" else self.site.log_probabilities()
        if not isinstance(self.site, BernoulliSite):
            raise NotApplicableError("it draws bits, but this program's site has categories")
        logs = self.site.log_probabilities()
        chosen = self.site.probs if takes == "probs" else logs[..., 1] - logs[..., 0]
        return chosen.reshape(len(self.leaf), -1)

    def make_objective(self, form: str, *, ballast: bool = False) -> Callable[[Any], Any]:
        """Return the objective as a function of the site's value.

        The value may have any leading shape and any floating type, and may be a NumPy array.

        Args:
            form: The form of the values with which it will be called: ``one-hot``, ``index`` or ``value`` (bits).
            ballast: Run an additional first row whose result is dropped, so that row 0 of the program belongs to no replicate.
        """

        def function(value: Any) -> Any:
            given = torch.as_tensor(value, device=self.params.device)
            lead = given.shape if form == "index" else given.shape[:-1]
            rows = math.prod(lead)
            flat = self._convert_value(given.reshape(rows, *given.shape[len(lead) :]), form)
            if ballast:
                flat = torch.cat((flat[:1].detach(), flat))
            costs = evaluate(self.program, self.params.expand(len(flat), *self.params.shape), lambda distribution: flat)
            costs = costs[int(ballast) :].reshape(lead)
            if isinstance(value, np.ndarray):
                return costs.detach().cpu().numpy()
            return costs.to(given.dtype) if given.is_floating_point() else costs

        return function

    def draw_direct_term(self, generator: torch.Generator) -> Tensor | None:
        """Return the objective at new samples with the graph to the leaf, or None if it depends on the leaf by the site alone.

        The gradient of this term at fixed samples is the part that the gradient in the site's parameter leaves out.
        """
        value = self.site.from_index(draw(self.site.detach(), generator))
        objective = evaluate(self.program, self.leaf, lambda distribution: value)
        return objective if objective.requires_grad else None

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

"""A program with one site, as the objective of that site's value: what an estimator wants that calls the objective itself."""

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
        leaf: The point once a row, ``[rows, *param]``.
        site: Its site, with the graph to the leaf.
    """

    program: Program
    params: Tensor
    leaf: Tensor
    site: FiniteSite

    @classmethod
    def of(cls, program: Program, params: Tensor, leaf: Tensor) -> SingleSite:
        """Run a program once, to see its site.

        Raises:
            NotApplicableError: It has several sites, or several categorical elements in one.
        """
        found: list[FiniteSite] = []

        def sample(distribution: Distribution) -> Tensor:
            site = finite_site_of(distribution, len(leaf))
            found.append(site)
            return site.from_index(torch.zeros(site.shape, dtype=torch.long, device=site.device))

        evaluate(program, leaf, sample)
        if len(found) != 1:
            raise NotApplicableError(
                f"it calls the objective itself, with the value of one site, and this program has {len(found)} sites"
            )
        (site,) = found
        if not isinstance(site, BernoulliSite) and len(site.shape) > 1:
            raise NotApplicableError(
                f"it draws one category a row, and this program's site has {tuple(site.shape[1:])} of them"
            )
        return cls(program, params, leaf, site)

    def parameter(self, takes: str, *, bits: bool) -> Tensor:
        """The site's probabilities or logits, ``[rows, K]`` or ``[rows, bits]``, connected to the leaf."""
        if not bits:
            if isinstance(self.site, BernoulliSite) and len(self.site.shape) > 1:
                raise NotApplicableError(
                    f"it draws one category a row, and this program draws {tuple(self.site.shape[1:])} bits"
                )
            return self.site.probabilities() if takes == "probs" else self.site.log_probabilities()
        if not isinstance(self.site, BernoulliSite):
            raise NotApplicableError("it draws bits, and this program's site has categories")
        logs = self.site.log_probabilities()
        chosen = self.site.probs if takes == "probs" else logs[..., 1] - logs[..., 0]
        return chosen.reshape(len(self.leaf), -1)

    def objective(self, form: str, *, ballast: bool = False) -> Callable[[Any], Any]:
        """The objective as a function of the site's value, in any leading shape and floating type, NumPy arrays included.

        Args:
            form: ``one-hot``, ``index`` or ``value`` (bits): what it will be called with.
            ballast: Run one more row, in front, that nobody reads: row 0 of the program then belongs to no replicate.
        """

        def function(value: Any) -> Any:
            given = torch.as_tensor(value, device=self.params.device)
            lead = given.shape if form == "index" else given.shape[:-1]
            rows = math.prod(lead)
            flat = self._value(given.reshape(rows, *given.shape[len(lead) :]), form)
            if ballast:
                flat = torch.cat((flat[:1].detach(), flat))
            found = evaluate(self.program, self.params.expand(len(flat), *self.params.shape), lambda distribution: flat)
            found = found[int(ballast) :].reshape(lead)
            if isinstance(value, np.ndarray):
                return found.detach().cpu().numpy()
            return found.to(given.dtype) if given.is_floating_point() else found

        return function

    def direct(self, generator: torch.Generator) -> Tensor | None:
        """The objective at samples of its own, with the graph to the leaf, if the parameters enter it beside the site.

        Its gradient at fixed samples is what the site's own gradient leaves out.
        """
        value = self.site.from_index(draw(self.site.detach(), generator))
        objective = evaluate(self.program, self.leaf, lambda distribution: value)
        return objective if objective.requires_grad else None

    def _value(self, flat: Tensor, form: str) -> Tensor:
        """``[rows, ...]`` as the program sees the site's value, gradients passing."""
        shape = (len(flat), *self.site.shape[1:])
        if form == "value":
            return flat.to(self.site.dtype).reshape(shape)
        if form == "index":
            return self._alike(len(flat)).from_one_hot(one_hot(self._alike(len(flat)), flat))
        return self._alike(len(flat)).from_one_hot(flat.to(self.site.dtype))

    def _alike(self, rows: int) -> FiniteSite:
        """The site with another number of rows."""
        probs = self.site.probs.detach()[:1]
        return self.site.with_probs(probs.expand(rows, *probs.shape[1:]))

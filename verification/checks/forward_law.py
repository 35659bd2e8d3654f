"""The forward law: the values that a program receives follow their site's distribution, whatever the gradient."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor
from torch.autograd import forward_ad
from torch.distributions import Bernoulli, Categorical, Distribution, OneHotCategorical

from ...estimators.protocol import Estimator, NoGradientPathError, NotApplicableError, Program, Sample, describe
from ...estimators.sites import Site, is_finite, site_of
from .law_comparison import DrawnLevels, DrawnSite, ForwardLaw, judge_draws
from .law_runs import Rows, choose_runs, runs_at

__all__ = ["ForwardLaw", "check_forward_law"]

ROWS = 4096
_NO_ROWS: Rows = np.zeros(0, dtype=np.int64)

_EDGES: dict[type[Distribution], Callable[[Tensor], Distribution]] = {
    Bernoulli: lambda rows: Bernoulli(_edges(rows, (0.0, 1.0, 0.02, 0.3, 0.98)), validate_args=False),
    Categorical: lambda rows: Categorical(_edges(rows, (0.0, 0.25, 0.02, 0.73, 0.0)), validate_args=False),
    OneHotCategorical: lambda rows: OneHotCategorical(_edges(rows, (0.0, 0.25, 0.02, 0.73, 0.0)), validate_args=False),
}
"""For each site type, a site with certain and impossible outcomes among others."""

_OWN = "in a program of the check's own (a {kind} site with certain and impossible outcomes)"


def check_forward_law(
    estimator: Estimator,
    program: Program,
    params: Tensor,
    types: frozenset[type[Distribution]],
    seeded: Callable[[int], torch.Generator],
    alpha: float,
) -> ForwardLaw:
    """Compare the values of the estimator's first batch of runs with their sites' probabilities.

    For every element and category, ``S = sum over rows (1[drawn] - p)`` has bounded independent terms, so Bernstein's bound
    ``2 exp(-S^2 / (2 (V + |S| / 3)))``, ``V = sum p (1 - p)``, holds for every p and any number of rows; at p = 0 and p = 1
    one wrong value suffices. Values of a law without a list of categories are compared by its distribution function: a
    largest distance of d over n rows has a probability of at most ``2 exp(-2 n d^2)``.

    The rows are runs at the point, at most one of a replicate, chosen at random (`law_runs`): the runs of a replicate share
    their noise. Later batches may be conditioned or forced, and are not compared. A share q drawn at a probability p is found
    with a probability of .99 if ``n |q - p| > sqrt(2 L n p (1 - p)) + L / 3 * 2 + 2.4 sqrt(n q (1 - q))``, with
    ``L = ln(2 C / alpha)`` for C comparisons and n compared runs.

    Only the program's own sites decide. Sites of the same types with certain and impossible outcomes are tried in programs of
    the check's own. An estimator may know its own program alone, so what is found there is noted and refutes nothing.

    Args:
        estimator: The estimator, fitted if it learns.
        program: The program.
        params: The point, ``[*param]``.
        types: The program's site types.
        seeded: Function from the number of a run to its generator.
        alpha: False-alarm rate of the whole check.

    References:
        Boucheron, Lugosi and Massart (2013), Concentration inequalities, section 2.8.
    """
    forward = describe(estimator).forward
    if forward != "law":
        return ForwardLaw("not-tested", f"its runs are {forward}, so they need not follow the sites' law")
    seen = _watch_runs(estimator, program, params, seeded(0))
    if not seen.reached:
        return ForwardLaw("not-tested", "it drew no values through the sampling primitive")
    if not seen.drawn:
        note = "none of its runs is at the parameters" if seen.separable else "its runs cannot be assigned to its replicates"
        return ForwardLaw("not-tested", f"{note}, so no values could be compared")
    finding = judge_draws(seen.drawn, alpha)
    if finding.outcome == "failed":
        return finding
    notes = [_try_edges(estimator, params, kind, seeded(1 + at), alpha) for at, kind in enumerate(_edge_types(types))]
    return replace(finding, note="; ".join(filter(None, notes))[:400])


def _edge_types(types: frozenset[type[Distribution]]) -> list[type[Distribution]]:
    return sorted(types & _EDGES.keys(), key=lambda each: each.__name__)


def _try_edges(estimator: Estimator, params: Tensor, kind: type[Distribution], generator: torch.Generator, alpha: float) -> str:
    """Return what an estimator does wrong in a program of the check's own, as a note; empty if nothing."""
    where = _OWN.format(kind=kind.__name__)
    try:
        seen = _watch_runs(estimator, _edge_program(_EDGES[kind]), params, generator)
        # Values of another program's shape cannot be compared.
        found = judge_draws(seen.drawn, alpha) if seen.drawn else None
    except Exception as error:
        return f"not tried {where}, where it could not run: {type(error).__name__}: {error}"[:300]
    return f"{where}, which decides nothing, {found.note}" if found is not None and found.outcome == "failed" else ""


@dataclass(eq=False)
class _Watch:
    """The values that the first full batch of runs drew.

    Attributes:
        reached: True if a site was drawn in a full batch.
        separable: False if the rows of the batch are no multiple of the replicates.
        drawn: The values of independent runs at the point, site by site.
    """

    reached: bool = False
    separable: bool = True
    drawn: list[DrawnSite | DrawnLevels] = field(default_factory=list)


def _watch_runs(estimator: Estimator, program: Program, params: Tensor, generator: torch.Generator) -> _Watch:
    """Return the values that the first full batch of runs draws, sites counted from 0."""
    seen, batches, point = _Watch(), 0, params

    def watched_program(params: Tensor, sample: Sample) -> Tensor:
        nonlocal batches
        # A shorter run inspects the program's structure, and its draws do not count.
        full = len(params) >= ROWS
        batches += full
        first = full and batches == 1
        rows = _independent_runs(point, params, seen) if first else _NO_ROWS

        def watching(distribution: Distribution) -> Tensor:
            value = sample(distribution)
            if first:
                seen.reached = True
                site = site_of(distribution).detach()
                if rows.size and site.shape[0] == len(params):
                    seen.drawn.append(_watch(site, _primal(value).detach(), rows, f"site {len(seen.drawn)}"))
            return value

        return program(params, watching)

    try:
        estimator(watched_program, params, ROWS, generator)
    except (NotApplicableError, NoGradientPathError):
        return _Watch()
    return seen


def _independent_runs(point: Tensor, params: Tensor, seen: _Watch) -> Rows:
    """Return the rows that may be compared; none if the batch cannot be divided into replicates."""
    seen.separable = len(params) % ROWS == 0
    return choose_runs(runs_at(point, _primal(params)), len(params), ROWS) if seen.separable else _NO_ROWS


def _watch(site: Site, value: Tensor, rows: Rows, name: str) -> DrawnSite | DrawnLevels:
    """Return what is compared of the values of a site, in the given rows."""
    chosen = torch.from_numpy(rows).to(value.device)
    if is_finite(site):
        return DrawnSite(name, site.with_probs(_primal(site.probs)[chosen]), value[chosen])
    return DrawnLevels(name, _primal(site.cdf(value))[chosen])


def _edge_program(distribution: Callable[[Tensor], Distribution]) -> Program:
    def program(params: Tensor, sample: Sample) -> Tensor:
        value = sample(distribution(params))
        return value.reshape(len(params), -1).sum(1)

    return program


def _edges(rows: Tensor, probabilities: tuple[float, ...]) -> Tensor:
    """Repeat probabilities for every row, connected to the parameters although they do not depend on them."""
    return rows.reshape(len(rows), -1)[:, :1] * 0 + rows.new_tensor(probabilities)


def _primal(tensor: Tensor) -> Tensor:
    """Return a tensor without the derivative that forward mode attaches."""
    primal: Tensor = forward_ad.unpack_dual(tensor).primal
    return primal

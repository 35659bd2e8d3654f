"""A problem: a stochastic program at one parameter, and what is known about its gradient."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.distributions import Distribution

from ...estimators.protocol import Program, evaluate
from ...estimators.sites import site_of
from ...estimators.tape import draw

__all__ = ["Probe", "Problem", "ProblemError", "probe"]


class ProblemError(ValueError):
    """A problem cannot be used; the message says what was found and what was expected."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Problem:
    """A stochastic program at one parameter.

    Attributes:
        name: Its key, ``family:size/objective/parameter``; a shorter one will do for a program of your own.
        program: The program, plain or Markov.
        params: The point, ``[*param]``; its floating type is the one that everything is computed in.
        exact: The gradient of E f, ``[*param]``, where its author knows it. Else it is found by finite-state recursion or by
            enumeration where the program is small enough, and by sampling where it is not.
        degree: Degree of the objective in each single sample if it is a polynomial, else None.
        continuous: Whether the objective is continuous between the points of the samples' support.
        chained: Whether samples feed later sites.
        black_box: The program uses samples as indices or leaves PyTorch: what differentiates samples does not apply.
        scale_floor: The least scale that tolerances are relative to; needed where the gradient is zero.
        rarest: Probability of the rarest event that matters, where the program cannot tell (``p_gate``).
        reference: ``likelihood ratio`` or ``finite difference`` to make that one decide; None leaves the choice to the tool.
        quick: Part of the quick profile.
    """

    name: str
    program: Program
    params: Tensor
    exact: Tensor | None = None
    degree: int | None = None
    continuous: bool = True
    chained: bool = True
    black_box: bool = False
    scale_floor: float = 0.0
    rarest: float | None = None
    reference: str | None = None
    quick: bool = True

    def __post_init__(self) -> None:
        if not isinstance(self.params, Tensor) or not self.params.is_floating_point():
            raise ProblemError(f"problem {self.name!r}: params must be a floating tensor, found {self.params!r:.80}")
        if not bool(torch.isfinite(self.params).all()):
            raise ProblemError(f"problem {self.name!r}: params hold NaN or infinity: {self.params.tolist()}")
        if self.exact is not None and torch.as_tensor(self.exact).shape != self.params.shape:
            found = tuple(torch.as_tensor(self.exact).shape)
            raise ProblemError(
                f"problem {self.name!r}: exact has shape {found}, params {tuple(self.params.shape)}; they must agree"
            )
        if self.reference not in (None, "likelihood ratio", "finite difference"):
            raise ProblemError(
                f"problem {self.name!r}: reference={self.reference!r}; expected 'likelihood ratio' or 'finite difference'"
            )

    @property
    def family(self) -> str:
        """What stands before the colon of its name."""
        return self.name.split("/")[0].split(":")[0]

    @property
    def size(self) -> str:
        """What stands between colon and slash; empty where there is none."""
        return self.name.split("/")[0].partition(":")[2]

    @property
    def series(self) -> str:
        """The name without its size: what a sweep over sizes has in common."""
        return "/".join((self.family, *self.name.split("/")[1:]))


@dataclass(frozen=True)
class Probe:
    """What one run of a program showed of its sites.

    Attributes:
        types: Distribution types of the sites.
        num_sites: Number of sites.
        elements: Elements a row, over all sites.
        categories: Categories a row, over all elements: what a run holds in memory.
    """

    types: frozenset[type[Distribution]]
    num_sites: int
    elements: int
    categories: int


def probe(problem: Problem, rows: int = 8) -> Probe:
    """Run a problem's program once, and hold it to its contract before anything is measured.

    Raises:
        ProblemError: The program raised, returned something else than one finite objective a row, or drew from
            probabilities outside [0, 1].
    """
    generator = torch.Generator(problem.params.device).manual_seed(0)
    types: set[type[Distribution]] = set()
    sizes: list[tuple[int, int]] = []

    def sample(distribution: Distribution) -> Tensor:
        site = site_of(distribution, rows)
        probabilities = site.probabilities().detach()
        if not bool(((probabilities >= 0) & (probabilities <= 1)).all()):
            raise ProblemError(
                f"site {len(sizes)} ({type(distribution).__name__}) has probabilities from {float(probabilities.min()):.4g} "
                f"to {float(probabilities.max()):.4g}; they must lie in [0, 1]"
            )
        types.add(type(distribution))
        elements = site.shape[1:].numel()
        sizes.append((elements, elements * site.num_categories))
        return site.from_index(draw(site, generator))

    try:
        with torch.no_grad():
            objective = evaluate(problem.program, problem.params.expand(rows, *problem.params.shape), sample)
    except Exception as error:
        said = f"{error}" if isinstance(error, ProblemError | TypeError) else f"{type(error).__name__}: {error}"
        raise ProblemError(f"problem {problem.name!r}: its program failed on {rows} rows: {said}") from error
    if not bool(torch.isfinite(objective).all()):
        raise ProblemError(f"problem {problem.name!r}: its objective is not finite: {objective.tolist()}")
    if not sizes:
        raise ProblemError(f"problem {problem.name!r}: its program sampled nothing; call sample(distribution) in it")
    return Probe(frozenset(types), len(sizes), sum(e for e, _ in sizes), sum(c for _, c in sizes))

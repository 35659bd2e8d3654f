"""A problem: a stochastic program at one point, and what is known about its gradient."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor
from torch.distributions import Distribution

from ...estimators.adapters.locating import locate_error
from ...estimators.protocol import Program, Sample, evaluate
from ...estimators.runs.tape import Tape, draw, forcing, recording
from ...estimators.sites import FiniteSite, Site, is_finite, site_of

__all__ = ["DetachedReading", "Probe", "Problem", "ProblemError", "ReferenceName", "hold_to_rows", "probe"]

ReferenceName = Literal["likelihood ratio", "finite difference"]
"""The name of a reference that the author of a problem may choose."""

DetachedReading = Literal["differentiate", "hold"]
"""How values are read that a program detaches: as functions of the parameters, or as constants at the point."""


class ProblemError(ValueError):
    """A problem cannot be used; the message names what was found and what was expected."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Problem:
    """A stochastic program at one point.

    Attributes:
        name: The key, ``family:size/objective/parameter``; a shorter name is enough for your own program.
        program: The program, plain or Markov.
        params: The point, ``[*param]``; everything is computed in its floating type.
        exact: The gradient of E f, ``[*param]``, if the author knows it. Otherwise it is computed by finite-state recursion or
            enumeration if the program is small enough, and by sampling if not.
        degree: The degree of the objective in each single sample if it is a polynomial, else None.
        continuous: True if the objective is continuous between the points of the samples' support.
        chained: True if samples feed later sites.
        black_box: True if the program uses samples as indices or leaves PyTorch, so that samples cannot be differentiated.
        scale_floor: The least scale that tolerances are relative to; needed if the gradient is zero.
        rarest: The probability of the rarest event that matters, if the program cannot show it (``p_gate``).
        reference: The deciding reference, ``likelihood ratio`` or ``finite difference``; None leaves the choice to the tool.
        quick: True if the problem is part of the quick profile.
        detached: The reading of values that the program detaches from its parameters: ``differentiate`` through them, or
            ``hold`` them. None if there are none; where it matters, the run asks.
        dear_rows: The reason why the program's rows are dear, if they are: no reference is then drawn beside the one that
            decides.
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
    reference: ReferenceName | None = None
    quick: bool = True
    detached: DetachedReading | None = None
    dear_rows: str = ""

    def __post_init__(self) -> None:
        if not isinstance(self.params, Tensor) or not self.params.is_floating_point():
            raise ProblemError(f"problem {self.name!r}: params is {self.params!r:.80}; expected a floating tensor")
        if not bool(torch.isfinite(self.params).all()):
            raise ProblemError(f"problem {self.name!r}: params are {self.params.tolist()}; expected finite numbers")
        if self.exact is not None and torch.as_tensor(self.exact).shape != self.params.shape:
            found = tuple(torch.as_tensor(self.exact).shape)
            raise ProblemError(
                f"problem {self.name!r}: exact has shape {found}, params {tuple(self.params.shape)}; they must agree"
            )
        if self.reference is not None and self.reference not in get_args(ReferenceName):
            raise ProblemError(
                f"problem {self.name!r}: reference={self.reference!r}; expected 'likelihood ratio' or 'finite difference'"
            )
        if self.detached is not None and self.detached not in get_args(DetachedReading):
            raise ProblemError(f"problem {self.name!r}: detached={self.detached!r}; expected 'differentiate' or 'hold'")

    @property
    def family(self) -> str:
        """The part of the name before the colon."""
        return self.name.split("/")[0].split(":")[0]

    @property
    def size(self) -> str:
        """The part of the name between colon and slash; empty if there is none."""
        return self.name.split("/")[0].partition(":")[2]

    @property
    def series(self) -> str:
        """The name without its size, which the problems of a sweep over sizes share."""
        return "/".join((self.family, *self.name.split("/")[1:]))


@dataclass(frozen=True)
class Probe:
    """The properties of a program's sites that one run showed.

    Attributes:
        types: The distribution types of the sites.
        num_sites: The number of sites.
        elements: The number of elements per row, over all sites.
        categories: The number of categories per row, over all elements, which determines a run's memory.
    """

    types: frozenset[type[Distribution]]
    num_sites: int
    elements: int
    categories: int


def probe(problem: Problem, rows: int = 8) -> Probe:
    """Run a problem's program once and check its contract before anything is measured.

    Raises:
        ProblemError: The program raised, did not return one finite objective per row, or drew from probabilities outside
            [0, 1].
    """
    generator = torch.Generator(problem.params.device).manual_seed(0)
    types: set[type[Distribution]] = set()
    sizes: list[tuple[int, int]] = []

    def sample(distribution: Distribution) -> Tensor:
        site = site_of(distribution, rows)
        types.add(type(distribution))
        elements = site.shape[1:].numel()
        if is_finite(site):
            _require_probabilities(site, f"site {len(sizes)} ({type(distribution).__name__})")
            sizes.append((elements, elements * site.num_categories))
        else:
            sizes.append((elements, elements))
        return site.value(draw(site, generator))

    try:
        with torch.no_grad():
            objective = evaluate(problem.program, problem.params.expand(rows, *problem.params.shape), sample)
    except Exception as error:
        message = f"{error}" if isinstance(error, ProblemError | TypeError) else f"{type(error).__name__}: {error}"
        place = locate_error(error)
        message += f" ({place})" if place else ""
        raise ProblemError(f"problem {problem.name!r}: its program failed on {rows} rows: {message}") from error
    if not bool(torch.isfinite(objective).all()):
        raise ProblemError(f"problem {problem.name!r}: its objective is not finite: {objective.tolist()}")
    if not sizes:
        raise ProblemError(f"problem {problem.name!r}: its program sampled nothing; call sample(distribution) in it")
    return Probe(frozenset(types), len(sizes), sum(e for e, _ in sizes), sum(c for _, c in sizes))


def _require_probabilities(site: FiniteSite, name: str) -> None:
    found = site.probabilities().detach()
    if not bool(((found >= 0) & (found <= 1)).all()):
        raise ProblemError(
            f"{name} has probabilities from {float(found.min()):.4g} to {float(found.max()):.4g}; they must lie in [0, 1]"
        )


def hold_to_rows(problem: Problem, rows: int = 8) -> None:
    """Run a problem's program on fixed outcomes, and check that each objective depends on its own row alone.

    Otherwise a mean over the batch, a hidden random state or a memory would be blamed on sound estimators.

    Raises:
        ProblemError: Equal outcomes gave different objectives, or one row's outcomes changed another row's objective.
    """
    tape: Tape[Site] = Tape()
    generator = torch.Generator(problem.params.device).manual_seed(0)
    place = torch.arange(rows, device=problem.params.device)
    with torch.no_grad():
        first = _run(problem, recording(rows, generator, tape), rows)
        if not _alike(_rerun(problem, tape, place), first):
            raise ProblemError(
                f"problem {problem.name!r}: the same samples gave another objective, so its program has random state or a "
                "memory of its own; make it a function of params and of what sample(...) returns"
            )
        outcomes = torch.cat([each.index.reshape(rows, -1).double() for each in tape.draws], 1)
        unlike = int((outcomes != outcomes[:1]).any(1).double().argmax())  # 0 if all rows drew the same
        # The first replacement reveals a mean over rows, the second a dependence on the row's place.
        for taken in (torch.where(place == 0, unlike, place), place.roll(1)):
            if not _alike(_rerun(problem, tape, taken), first[taken]):
                raise ProblemError(
                    f"problem {problem.name!r}: its rows depend on each other or on their place: the objectives did not follow "
                    "when rows were given the samples of other rows; rows are independent runs, so take no mean over them"
                )


def _rerun(problem: Problem, tape: Tape[Site], taken: Tensor) -> Tensor:
    """Return the objective when every row takes the outcomes of the row `taken` names; NaN if there are too few."""
    rows = len(taken)
    try:
        return _run(problem, forcing(rows, lambda number, _: tape.draws[number].index[taken], Tape()), rows)
    except IndexError:
        return problem.params.new_full((rows,), torch.nan)


def _run(problem: Problem, sample: Sample, rows: int) -> Tensor:
    return evaluate(problem.program, problem.params.expand(rows, *problem.params.shape), sample)


def _alike(one: Tensor, two: Tensor) -> bool:
    """Return True if both are equal up to the order in which a batch is summed."""
    return bool(torch.allclose(one, two, rtol=1e-4, atol=1e-5 * max(1.0, float(one.abs().max()))))

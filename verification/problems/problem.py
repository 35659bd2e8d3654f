"""A problem: a stochastic program at one parameter, and what is known about its gradient."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor
from torch.distributions import Distribution

from ...estimators.protocol import Program, Sample, evaluate
from ...estimators.runs.tape import Tape, draw, forcing, recording
from ...estimators.sites.reading import FiniteSite, Site, finite_site_of

__all__ = ["Probe", "Problem", "ProblemError", "ReferenceName", "hold_to_rows", "probe"]

ReferenceName = Literal["likelihood ratio", "finite difference"]
"""The name of a reference that the author of a problem may choose."""


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
    reference: ReferenceName | None = None
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
        if self.reference is not None and self.reference not in get_args(ReferenceName):
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
        site = finite_site_of(distribution, rows)
        _require_probabilities(site, f"site {len(sizes)} ({type(distribution).__name__})")
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


def _require_probabilities(site: FiniteSite, name: str) -> None:
    found = site.probabilities().detach()
    if not bool(((found >= 0) & (found <= 1)).all()):
        raise ProblemError(
            f"{name} has probabilities from {float(found.min()):.4g} to {float(found.max()):.4g}; they must lie in [0, 1]"
        )


def hold_to_rows(problem: Problem, rows: int = 8) -> None:
    """Run a problem's program on outcomes that are set, and see that each row's objective follows from its own row.

    A mean over the batch, hidden random state or a memory would be blamed on sound estimators.

    Raises:
        ProblemError: The same outcomes gave another objective, or one row's outcomes changed another row's objective.
    """
    tape: Tape[Site] = Tape()
    generator = torch.Generator(problem.params.device).manual_seed(0)
    place = torch.arange(rows, device=problem.params.device)
    with torch.no_grad():
        first = _run(problem, recording(rows, generator, tape), rows)
        if not _alike(_rerun(problem, tape, place), first):
            raise ProblemError(
                f"problem {problem.name!r}: the same samples gave another objective; its program draws from random state of "
                "its own or remembers, and must be a function of params and of what sample(...) returns"
            )
        outcomes = torch.cat([each.index.reshape(rows, -1).double() for each in tape.draws], 1)
        unlike = int((outcomes != outcomes[:1]).any(1).double().argmax())  # 0 where all rows drew alike
        # A mean over rows sees the first, a row's place the second.
        for taken in (torch.where(place == 0, unlike, place), place.roll(1)):
            if not _alike(_rerun(problem, tape, taken), first[taken]):
                raise ProblemError(
                    f"problem {problem.name!r}: its rows depend on each other or on their place: rows were given the samples "
                    "of other rows, and the objectives did not follow; rows are independent runs, so take no mean over them"
                )


def _rerun(problem: Problem, tape: Tape[Site], taken: Tensor) -> Tensor:
    """The objective where every row is given the outcomes of the row that it takes; NaN where there are too few."""
    rows = len(taken)
    try:
        return _run(problem, forcing(rows, lambda number, _: tape.draws[number].index[taken], Tape()), rows)
    except IndexError:
        return problem.params.new_full((rows,), torch.nan)


def _run(problem: Problem, sample: Sample, rows: int) -> Tensor:
    return evaluate(problem.program, problem.params.expand(rows, *problem.params.shape), sample)


def _alike(one: Tensor, two: Tensor) -> bool:
    """Equal up to the order in which a batch is summed."""
    return bool(torch.allclose(one, two, rtol=1e-4, atol=1e-5 * max(1.0, float(one.abs().max()))))

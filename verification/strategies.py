"""Hypothesis strategies: probabilities and logits with their edges, objectives by degree, and small programs.

They are made for property tests of estimators and of programs: every program is small enough to be enumerated, so a test can
compare with exact numbers. Nothing of Hypothesis is configured here; profiles are the caller's.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from hypothesis import strategies as st
from torch import Tensor
from torch.distributions import Bernoulli, Categorical, Distribution, OneHotCategorical

from ..estimators.protocol import Sample
from .problems.objectives import Objective, exponential, indicator
from .problems.problem import Problem

__all__ = ["Polynomial", "SmallProgram", "SmallSite", "logits", "objectives", "probabilities", "small_programs"]

SiteKind = Literal["bit", "index", "one-hot"]
KINDS: tuple[SiteKind, ...] = ("bit", "index", "one-hot")
"""How a site hands out its value: a Bernoulli's, a Categorical's, a OneHotCategorical's."""

_TINY = 1e-12
_SATURATED = 40.0  # a sigmoid of 40 is one in double precision, and a softmax of -40 against 0 is 4e-18
_MAX_DEGREE = 4


def probabilities(
    num_categories: int, *, interior: bool = False, dtype: torch.dtype = torch.float64
) -> st.SearchStrategy[Tensor]:
    """Points of the probability simplex, ``[num_categories]``, the edges among them.

    Uniform first, to which examples shrink; then a certain outcome, one that is all but certain, faces on which some outcomes
    are impossible, and points in between.

    Args:
        num_categories: At least two.
        interior: Leave out points with a zero.
        dtype: Floating type; sums are one to its rounding.

    Raises:
        ValueError: `num_categories` is below two.
    """
    _at_least_two(num_categories)
    corner = st.integers(0, num_categories - 1)
    weights = st.lists(st.floats(1e-3, 1.0), min_size=num_categories, max_size=num_categories)
    kinds = [
        st.just([1.0] * num_categories),
        weights,
        corner.map(lambda k: [1.0 if j == k else _TINY for j in range(num_categories)]),
        corner.map(lambda k: [_TINY if j == k else 1.0 for j in range(num_categories)]),
    ]
    if not interior:
        some = st.lists(st.sampled_from([0.0, 1.0]), min_size=num_categories, max_size=num_categories).filter(any)
        kinds += [corner.map(lambda k: [float(j == k) for j in range(num_categories)]), st.tuples(weights, some).map(_product)]
    return st.one_of(kinds).map(lambda masses: _normalised(masses, dtype))


def logits(num_categories: int, *, bound: float = _SATURATED, dtype: torch.dtype = torch.float64) -> st.SearchStrategy[Tensor]:
    """Logits, ``[num_categories]``: zeros first, moderate ones, and ones at which probabilities round to 0 and 1.

    Args:
        num_categories: At least one; one is a bit's.
        bound: Largest absolute value.
        dtype: Floating type.

    Raises:
        ValueError: `num_categories` is below one, or `bound` not positive.
    """
    if num_categories < 1 or not bound > 0:
        raise ValueError(f"num_categories={num_categories}, bound={bound}; expected at least 1 and a positive number")
    moderate = min(3.0, bound)
    element = st.one_of(st.just(0.0), st.floats(-moderate, moderate), st.sampled_from([-bound, bound]))
    several = st.lists(element, min_size=num_categories, max_size=num_categories)
    return several.map(lambda values: torch.tensor(values, dtype=dtype))


@dataclass(frozen=True)
class Polynomial:
    """``sum_k coefficients[k] x^k``, lowest degree first."""

    coefficients: tuple[float, ...]

    def __call__(self, x: Tensor) -> Tensor:
        """Value at every element, by Horner's rule."""
        value = torch.zeros_like(x)
        for coefficient in reversed(self.coefficients):
            value = value * x + coefficient
        return value


def objectives(*, degree: int | None = None) -> st.SearchStrategy[Objective]:
    """Objectives of one number.

    Args:
        degree: Of a polynomial, whose leading coefficient is not zero; None draws polynomials up to degree four, exponentials
            and indicators.

    Raises:
        ValueError: `degree` is negative.
    """
    if degree is None:
        polynomials = st.integers(0, _MAX_DEGREE).flatmap(lambda each: objectives(degree=each))
        thresholds = st.sampled_from([-0.5, 0.5, 1.5])
        return st.one_of(polynomials, st.sampled_from([1.0, 2.0]).map(exponential), thresholds.map(indicator))
    if degree < 0:
        raise ValueError(f"degree={degree}; expected a number that is not negative")
    lower = st.lists(_coefficient(), min_size=degree, max_size=degree)
    leading = _coefficient().filter(lambda value: value != 0)
    return st.builds(lambda some, last: Polynomial((*some, last)), lower, leading).map(
        lambda function: Objective(f"polynomial{degree}", function, degree)
    )


@dataclass(frozen=True)
class SmallSite:
    """One sampling site of a small program.

    Attributes:
        kind: ``bit``, ``index`` or ``one-hot``.
        num_categories: Two for a bit.
        weight: What its value counts for in the sum that the objective is taken of.
        coupling: What the previous site's value adds to its logits; zero where sites are independent.
    """

    kind: SiteKind
    num_categories: int
    weight: float
    coupling: float

    @property
    def num_logits(self) -> int:
        """Parameters that it takes."""
        return 1 if self.kind == "bit" else self.num_categories

    def distribution(self, logits: Tensor, before: Tensor) -> Distribution:
        """What it draws from, given its logits ``[rows, num_logits]`` and the previous value ``[rows]``."""
        if self.kind == "bit":
            return Bernoulli(logits=logits[:, 0] + self.coupling * before, validate_args=False)
        # The last category's logit alone is moved: a shift of all of them would change nothing.
        moved = torch.cat([logits[:, :-1], logits[:, -1:] + self.coupling * before.unsqueeze(1)], 1)
        made = Categorical if self.kind == "index" else OneHotCategorical
        return made(logits=moved, validate_args=False)

    def value(self, drawn: Tensor) -> Tensor:
        """The drawn value as one number a row: the category's index, scaled to [0, 1]."""
        if self.kind == "one-hot":
            drawn = drawn @ torch.arange(self.num_categories, dtype=drawn.dtype, device=drawn.device)
        return drawn / (self.num_categories - 1)


@dataclass(frozen=True)
class SmallProgram:
    """Draw from each site in turn; the objective of the weighted sum of the values. Its parameters are all sites' logits."""

    sites: tuple[SmallSite, ...]
    objective: Objective

    @property
    def num_logits(self) -> int:
        """Size of its parameter."""
        return sum(each.num_logits for each in self.sites)

    @property
    def chained(self) -> bool:
        """Whether a site depends on the value of another."""
        return any(each.coupling for each in self.sites)

    def __call__(self, params: Tensor, sample: Sample) -> Tensor:
        """The objective ``[rows]`` at params ``[rows, num_logits]``."""
        total = before = params.new_zeros(params.shape[0])
        parts = params.split([each.num_logits for each in self.sites], dim=1)
        for site, logits in zip(self.sites, parts, strict=True):
            before = site.value(sample(site.distribution(logits, before)))
            total = total + site.weight * before
        return self.objective.function(total)


def small_programs(
    *,
    max_sites: int = 3,
    max_categories: int = 3,
    kinds: Sequence[SiteKind] = KINDS,
    chained: bool | None = None,
    degree: int | None = None,
    bound: float = 3.0,
) -> st.SearchStrategy[Problem]:
    """Problems of a few sites each, at most ``max_categories ** max_sites`` paths, differentiated in all logits.

    Args:
        max_sites: Sites at most; at least one.
        max_categories: Categories of a site at most; at least two.
        kinds: Of ``bit``, ``index`` and ``one-hot``.
        chained: Whether sites depend on the one before; None draws both.
        degree: Of the objective, a polynomial; None draws any of `objectives`.
        bound: Largest absolute logit: beyond 30 or so, outcomes become impossible.

    Returns:
        Problems without a given gradient: enumeration finds it.

    Raises:
        ValueError: An argument is out of range.
    """
    _at_least_two(max_categories)
    unknown = [each for each in kinds if each not in KINDS]
    if max_sites < 1 or unknown or not kinds:
        raise ValueError(f"max_sites={max_sites}, kinds={tuple(kinds)}; expected at least one site, of {', '.join(KINDS)}")
    if chained and max_sites < 2:
        raise ValueError(f"max_sites={max_sites}; a chain has at least two sites")
    shape = st.booleans() if chained is None and max_sites > 1 else st.just(bool(chained))
    programs = shape.flatmap(lambda chain: _programs(chain, max_sites, max_categories, kinds, degree))
    return programs.flatmap(lambda program: logits(program.num_logits, bound=bound).map(lambda point: _problem(program, point)))


def _programs(
    chain: bool, max_sites: int, max_categories: int, kinds: Sequence[SiteKind], degree: int | None
) -> st.SearchStrategy[SmallProgram]:
    coupling = st.sampled_from([1.0, -1.0, 2.0]) if chain else st.just(0.0)
    site = st.builds(
        _site, st.sampled_from(list(kinds)), st.integers(2, max_categories), st.sampled_from([1.0, -1.0, 0.5]), coupling
    )
    sites = st.lists(site, min_size=2 if chain else 1, max_size=max_sites).map(tuple)
    return st.builds(SmallProgram, sites, objectives(degree=degree))


def _site(kind: SiteKind, num_categories: int, weight: float, coupling: float) -> SmallSite:
    return SmallSite(kind, 2 if kind == "bit" else num_categories, weight, coupling)


def _problem(program: SmallProgram, point: Tensor) -> Problem:
    described = (
        f"{program.sites} {program.objective.name} {getattr(program.objective.function, 'coefficients', '')} {point.tolist()}"
    )
    digest = hashlib.blake2s(described.encode(), digest_size=4).hexdigest()
    return Problem(
        name=f"small_program:{digest}/{program.objective.name}/logits",
        program=program,
        params=point,
        degree=program.objective.degree,
        continuous=program.objective.continuous,
        chained=program.chained,
        scale_floor=1e-3,
    )


def _coefficient() -> st.SearchStrategy[float]:
    """Quarters: sums of a few are exact, and examples are easy to read."""
    return st.integers(-8, 8).map(lambda quarters: quarters / 4)


def _normalised(masses: Sequence[float], dtype: torch.dtype) -> Tensor:
    values = torch.tensor(masses, dtype=torch.float64)
    return (values / values.sum()).to(dtype)


def _product(pair: tuple[list[float], list[float]]) -> list[float]:
    return [a * b for a, b in zip(*pair, strict=True)]


def _at_least_two(num_categories: int) -> None:
    if num_categories < 2:
        raise ValueError(f"{num_categories} categories; expected at least two")

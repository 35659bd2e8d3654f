"""Hypothesis strategies: probabilities and logits with their edges, objectives by degree, and small programs.

They serve property tests of estimators and of programs: every program is small enough to be enumerated, so a test can compare
with exact numbers. This module does not configure Hypothesis; profiles are the caller's.
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
"""The forms of a site's value: those of a Bernoulli, a Categorical and a OneHotCategorical."""

_TINY = 1e-12
_SATURATED = 40.0  # a sigmoid of 40 is one in double precision, and a softmax of -40 against 0 is 4e-18
_MAX_DEGREE = 4


def probabilities(
    num_categories: int, *, interior: bool = False, dtype: torch.dtype = torch.float64
) -> st.SearchStrategy[Tensor]:
    """Return a strategy for points of the probability simplex, ``[num_categories]``, with its edges.

    The uniform point comes first, and examples shrink to it; then a certain outcome, one that is almost certain, faces on which
    some outcomes are impossible, and points in between.

    Args:
        num_categories: The number of categories, at least two.
        interior: Leave out points with a zero.
        dtype: The floating type; sums are one up to its rounding.

    Raises:
        ValueError: `num_categories` is below two.
    """
    _require_two(num_categories)
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
        kinds += [corner.map(lambda k: [float(j == k) for j in range(num_categories)]), st.tuples(weights, some).map(_multiply)]
    return st.one_of(kinds).map(lambda masses: _normalise(masses, dtype))


def logits(num_categories: int, *, bound: float = _SATURATED, dtype: torch.dtype = torch.float64) -> st.SearchStrategy[Tensor]:
    """Return a strategy for logits, ``[num_categories]``: zeros, moderate ones, and ones whose probabilities round to 0 or 1.

    Args:
        num_categories: The number of categories, at least one; one stands for a bit.
        bound: The largest absolute value.
        dtype: The floating type.

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
        """Evaluate the polynomial at every element by Horner's rule."""
        value = torch.zeros_like(x)
        for coefficient in reversed(self.coefficients):
            value = value * x + coefficient
        return value


def objectives(*, degree: int | None = None) -> st.SearchStrategy[Objective]:
    """Return a strategy for objectives of one number.

    Args:
        degree: The degree of a polynomial, whose leading coefficient is not zero; None draws polynomials up to degree four,
            exponentials and indicators.

    Raises:
        ValueError: `degree` is negative.
    """
    if degree is None:
        polynomials = st.integers(0, _MAX_DEGREE).flatmap(lambda drawn: objectives(degree=drawn))
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
        num_categories: The number of categories; two for a bit.
        weight: The weight of the site's value in the sum that the objective takes.
        coupling: The weight of the previous site's value in this site's logits; zero if sites are independent.
    """

    kind: SiteKind
    num_categories: int
    weight: float
    coupling: float

    @property
    def num_logits(self) -> int:
        """The number of logits that the site takes."""
        return 1 if self.kind == "bit" else self.num_categories

    def distribution(self, logits: Tensor, before: Tensor) -> Distribution:
        """Return the site's distribution, given its logits ``[rows, num_logits]`` and the previous value ``[rows]``."""
        if self.kind == "bit":
            return Bernoulli(logits=logits[:, 0] + self.coupling * before, validate_args=False)
        # Only the last category's logit moves: a shift of all of them would change nothing.
        moved = torch.cat([logits[:, :-1], logits[:, -1:] + self.coupling * before.unsqueeze(1)], 1)
        made = Categorical if self.kind == "index" else OneHotCategorical
        return made(logits=moved, validate_args=False)

    def value(self, drawn: Tensor) -> Tensor:
        """Convert a drawn value to one number a row: the category's index, scaled to [0, 1]."""
        if self.kind == "one-hot":
            drawn = drawn @ torch.arange(self.num_categories, dtype=drawn.dtype, device=drawn.device)
        return drawn / (self.num_categories - 1)


@dataclass(frozen=True)
class SmallProgram:
    """A program that draws from each site in turn; its value is the objective of the values' weighted sum.

    Its parameters are the logits of all sites.
    """

    sites: tuple[SmallSite, ...]
    objective: Objective

    @property
    def num_logits(self) -> int:
        """The number of logits of all sites."""
        return sum(site.num_logits for site in self.sites)

    @property
    def chained(self) -> bool:
        """True if a site depends on the value of another."""
        return any(site.coupling for site in self.sites)

    def __call__(self, params: Tensor, sample: Sample) -> Tensor:
        """Compute the objective ``[rows]`` at params ``[rows, num_logits]``."""
        total = before = params.new_zeros(params.shape[0])
        parts = params.split([site.num_logits for site in self.sites], dim=1)
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
    """Return a strategy for problems of a few sites, with at most ``max_categories ** max_sites`` paths, over all logits.

    Args:
        max_sites: The largest number of sites, at least one.
        max_categories: The largest number of categories of a site, at least two.
        kinds: The kinds of sites: ``bit``, ``index`` and ``one-hot``.
        chained: True if sites depend on the one before; None draws both.
        degree: The degree of a polynomial objective; None draws any of `objectives`.
        bound: The largest absolute logit; beyond about 30, outcomes become impossible.

    Returns:
        Problems without a given gradient, which enumeration computes.

    Raises:
        ValueError: An argument is out of range.
    """
    _require_two(max_categories)
    unknown = [kind for kind in kinds if kind not in KINDS]
    if max_sites < 1 or unknown or not kinds:
        raise ValueError(f"max_sites={max_sites}, kinds={tuple(kinds)}; expected at least one site, of {', '.join(KINDS)}")
    if chained and max_sites < 2:
        raise ValueError(f"max_sites={max_sites}; expected at least two for a chain")
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
    """Draw quarters: sums of a few are exact, and examples are easy to read."""
    return st.integers(-8, 8).map(lambda quarters: quarters / 4)


def _normalise(masses: Sequence[float], dtype: torch.dtype) -> Tensor:
    values = torch.tensor(masses, dtype=torch.float64)
    return (values / values.sum()).to(dtype)


def _multiply(pair: tuple[list[float], list[float]]) -> list[float]:
    return [a * b for a, b in zip(*pair, strict=True)]


def _require_two(num_categories: int) -> None:
    if num_categories < 2:
        raise ValueError(f"{num_categories} categories; expected at least two")

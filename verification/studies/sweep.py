"""One series of problems over a range of sizes, and the settings under which its variances are measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ..plan import Settings, settle
from ..problems.problem import Problem
from ..problems.registry import find_problems

__all__ = ["SAMPLES", "SIZES", "sweep_settings", "swept"]

SIZES = (10, 20, 50, 100, 200)

SAMPLES = {"quick": 20_000, "standard": 200_000, "thorough": 2_000_000}
"""Rows of one estimator on one problem, by profile."""


LEAST = 4096
"""Rows that a cell gets at least, however much they cost: fewer have not seen the rare outcomes of a long walk."""


def swept(target: str, sizes: Sequence[int]) -> list[list[Problem]]:
    """The problems that a family comes to at given sizes.

    Args:
        target: A family without its size: ``random_walk/square/p``, or ``random_walk`` for all of its series.
        sizes: n.

    Returns:
        One list a series, by size.

    Raises:
        ValueError: The target has a size, or is no family whose parameter is a scalar.
        TargetError: It means nothing.
    """
    family, _, rest = target.partition("/")
    if ":" in family:
        raise ValueError(f"{target!r}: a family is swept over its sizes; leave the size out, as in 'random_walk/square/p'")
    if len(set(sizes)) < 3:
        raise ValueError(f"sizes {', '.join(map(str, sizes))}: an exponent needs three sizes or more")
    find_problems([family], quick=False)  # an unknown family is named before its sizes are tried
    found: dict[str, list[Problem]] = {}
    for size in sorted(set(sizes)):
        for problem in find_problems([f"{family}:{size}" + (f"/{rest}" if rest else "")], quick=False):
            if problem.params.dim():
                raise ValueError(f"{problem.name!r} has a vector of parameters; a variance is swept for a scalar one")
            found.setdefault(problem.series, []).append(problem)
    return list(found.values())


def sweep_settings(*, samples: int | None, **options: Any) -> Settings:
    """Settings under which every cell draws its rows and no bias claim is judged: that is ``verify``'s to do, with more rows.

    Args:
        samples: Rows of a cell; None for the profile's. Programs that cost much a row get fewer.
        options: Options of `plan.settle`, without those that concern claims of bias.

    Raises:
        ValueError: An option is out of range.
    """
    settings = settle(**options)
    rows = SAMPLES[settings.profile.name] if samples is None else samples
    if rows < 2048:
        raise ValueError(f"samples={rows}; a variance needs at least 2048 rows")
    sized = replace(settings.profile, max_rows=rows, min_rows=rows, reference_rows=rows, least_share=max(1, rows // LEAST))
    return replace(settings, profile=sized)

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
"""The rows of one estimator on one problem, by profile."""

LEAST = 4096
"""The least number of rows of a cell, however much they cost: fewer would miss the rare outcomes of a long walk."""


def swept(target: str, sizes: Sequence[int]) -> list[list[Problem]]:
    """Return the problems of a family at given sizes.

    Args:
        target: A family without its size: ``random_walk/square/p``, or ``random_walk`` for all of its series.
        sizes: The sizes n.

    Returns:
        One list of problems, by size, for every series.

    Raises:
        ValueError: The target has a size, or it is no family with a scalar parameter.
        TargetError: No problem has this name.
    """
    family, _, rest = target.partition("/")
    if ":" in family:
        raise ValueError(f"{target!r} names a size; expected a family: leave the size out, as in 'random_walk/square/p'")
    if len(set(sizes)) < 3:
        raise ValueError(f"sizes {', '.join(map(str, sizes))} are too few; an exponent needs three sizes or more")
    find_problems([family], quick=False)  # report an unknown family before its sizes are tried
    by_series: dict[str, list[Problem]] = {}
    for size in sorted(set(sizes)):
        for problem in find_problems([f"{family}:{size}" + (f"/{rest}" if rest else "")], quick=False):
            if problem.params.dim():
                raise ValueError(f"{problem.name!r} has a vector of parameters; expected a problem with a scalar parameter")
            by_series.setdefault(problem.series, []).append(problem)
    return list(by_series.values())


def sweep_settings(*, samples: int | None, **options: Any) -> Settings:
    """Return settings under which every cell draws all of its rows.

    Args:
        samples: The rows of a cell; None for the profile's. Programs whose rows cost much get fewer.
        options: The options of `plan.settle`, without those that concern claims of bias.

    Raises:
        ValueError: An option is out of range.
    """
    settings = settle(**options)
    rows = SAMPLES[settings.profile.name] if samples is None else samples
    if rows < 2048:
        raise ValueError(f"samples={rows}; expected at least 2048 rows, which a variance needs")
    sized = replace(settings.profile, max_rows=rows, min_rows=rows, reference_rows=rows, least_share=max(1, rows // LEAST))
    return replace(settings, profile=sized)

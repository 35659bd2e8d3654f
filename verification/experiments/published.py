"""The numbers of the literature, reproduced: one study of what was published, what is exact and what was measured."""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Callable

import torch

from ..head import run_head
from ..record import Record
from ..study import Exhibits, Study
from .published_comparison import FALSE_FAIL_RATE, inside_statement
from .published_polynomials import polynomial_statements, polynomial_tables
from .published_toys import one_bit_comparisons, three_bit_comparisons, three_bit_facts, toy_statements, toy_table
from .published_walk import (
    ALLOWED,
    walk_chart,
    walk_comparisons,
    walk_exact_table,
    walk_long_table,
    walk_statements,
    walk_table,
)

__all__ = ["published_record", "published_study"]

Progress = Callable[[int, int, str], None]
"""Told (parts done, parts in all, what was done last)."""

_TEXT = (
    "Numbers that papers and their documentation print, beside ours. An exact value comes from a recursion over the walk's "
    "states, from a sum over all outcomes, or from a sum over all draws of the estimator; a measured one comes with its 95 % "
    "interval, which respects the kurtosis of the rows.",
    "Where the literature shows curves alone, the published column is empty. A number whose rows have not seen enough of their "
    "tail keeps its interval in the table and is left out of the statements.",
)

_THREE_CAPTION = (
    "f = sum (b - c)^2, c = 0.6, 0.51, 0.48 (Liu et al. 2019, Kool et al. 2020). Published: from 10,000 draws. At logit 0 all "
    "outcomes are equally probable, so which of them are the top ones is a matter of order; ours takes the first."
)
_ONE_CAPTION = "The curves of REBAR, RELAX, ARM and DisARM, at points with p0 = 0.49 and 0.499; no numbers were printed."


def published_study(*, samples: int, seed: int, progress: Progress | None = None) -> Study:
    """Measure and compare.

    Args:
        samples: Rows a measured number.
        seed: Entropy.
        progress: Told of every part.
    """
    told = progress or (lambda done, total, name: None)
    walk = tuple(walk_comparisons(samples, seed))
    told(1, 3, "walk")
    three = tuple(three_bit_comparisons(samples, seed))
    told(2, 3, "three bits")
    one = tuple(one_bit_comparisons(samples, seed))
    told(3, 3, "one bit")
    toys = inside_statement("On the toys every measured variance is the exact one.", (*three, *one), "variances")
    return Study(
        name="published",
        title="The numbers of the literature",
        text=_TEXT,
        statements=(*walk_statements(walk), toys, *three_bit_facts(), *toy_statements(three, one), *polynomial_statements()),
        exhibits=Exhibits(
            charts=(walk_chart(walk),),
            tables=(
                walk_table(walk),
                walk_exact_table(),
                walk_long_table(),
                toy_table("Three bits of one logit: variance of one replicate", "logit", three, _THREE_CAPTION),
                toy_table("One bit, E[(b - p0)^2]: variance of one replicate", "p", one, _ONE_CAPTION),
                *polynomial_tables(),
            ),
        ),
        settings={"samples": samples, "seed": seed, "false_fail_rate": FALSE_FAIL_RATE},
    )


def published_record(*, samples: int, seed: int, progress: Progress | None = None) -> Record:
    """The study as a record; arguments as in `published_study`."""
    started, clock = time.time(), time.perf_counter()
    study = published_study(samples=samples, seed=seed, progress=progress)
    head = run_head(
        command=shlex.join(["gradverify", *sys.argv[1:]]),
        profile=f"{samples} rows",
        seed=seed,
        device="cpu",
        dtypes=[torch.float64],
        alpha=FALSE_FAIL_RATE,
        tolerance=ALLOWED,
        timing={"started": started, "seconds": time.perf_counter() - clock},
    )
    return Record(run=head, cells=(), studies=(study,))

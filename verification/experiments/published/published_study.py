"""The numbers of the literature, reproduced: one study of published, exact and measured numbers."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict

import torch

from ...record.head import run_head
from ...record.record import Record
from ...record.study import Exhibits, Study
from .endings import training_charts, training_statements, training_tables
from .polynomial_training import TRAINED, Run, Schedule, train_all
from .polynomials import polynomial_statements, polynomial_tables
from .published_numbers import FALSE_FAIL_RATE, Comparison, inside_statement
from .toy_variances import one_bit_comparisons, three_bit_comparisons, three_bit_facts, toy_statements, toy_table
from .walk_figure import ALLOWED, walk_chart, walk_comparisons, walk_exact_table, walk_long_table, walk_statements, walk_table

__all__ = ["published_record", "published_study"]

Progress = Callable[[int, int, str], None]
"""A function called with (parts done, parts in all, the last part)."""

_TEXT = (
    "The study puts numbers that papers and documentation print beside ours. An exact value is a recursion over the walk's "
    "states, a sum over all outcomes, or a sum over all draws of the estimator. A measured value has a 95 % interval, which "
    "allows for the kurtosis of the rows.",
    "If the literature shows only curves, the published column is empty. If the rows of a number have not seen enough of their "
    "tail, the number stays in the table with its interval, and the statements leave it out.",
)

_THREE_CAPTION = (
    "f = sum (b - c)^2, c = 0.6, 0.51, 0.48 (Liu et al. 2019, Kool et al. 2020). The published variances are from 10,000 "
    "draws. At logit 0 all outcomes are equally probable, so their order decides which are the top ones; ours takes the first."
)
_ONE_CAPTION = "Points on the curves of REBAR, RELAX, ARM and DisARM, with p0 = 0.49 and 0.499; no numbers were printed."


def published_study(
    *, samples: int, seed: int, training: Schedule | None = None, workers: int = 0, progress: Progress | None = None
) -> Study:
    """Measure the published numbers and compare them.

    Args:
        samples: The number of rows per measured number.
        seed: The seed.
        training: The schedule of polynomial programming's training, which takes minutes; None leaves it out.
        workers: The number of processes to spawn for the training; 0 spawns none.
        progress: A function called after every part.
    """
    count = _Parts(progress, 3 + (0 if training is None else len(TRAINED) * len(training.powers)))
    walk = tuple(walk_comparisons(samples, seed))
    count("walk")
    three = tuple(three_bit_comparisons(samples, seed))
    count("three bits")
    one = tuple(one_bit_comparisons(samples, seed))
    count("one bit")
    runs = () if training is None else train_all(training, seed, workers=workers, progress=count)
    toys = inside_statement("On the toys, every measured variance agrees with the exact one.", (*three, *one), "variances")
    return Study(
        name="published",
        title="The numbers of the literature",
        text=_TEXT,
        statements=(
            *walk_statements(walk),
            toys,
            *three_bit_facts(),
            *toy_statements(three, one),
            *polynomial_statements(),
            *training_statements(runs),
        ),
        exhibits=_exhibits(walk, three, one, runs, training),
        settings={
            "samples": samples,
            "seed": seed,
            "false_fail_rate": FALSE_FAIL_RATE,
            **({} if training is None else {"training": asdict(training)}),
        },
    )


def _exhibits(
    walk: tuple[Comparison, ...],
    three: tuple[Comparison, ...],
    one: tuple[Comparison, ...],
    runs: tuple[Run, ...],
    training: Schedule | None,
) -> Exhibits:
    return Exhibits(
        charts=(walk_chart(walk), *training_charts(runs, training)),
        tables=(
            walk_table(walk),
            walk_exact_table(),
            walk_long_table(),
            toy_table("Three bits of one logit: variance of one replicate", "logit", three, _THREE_CAPTION),
            toy_table("One bit, E[(b - p0)^2]: variance of one replicate", "p", one, _ONE_CAPTION),
            *polynomial_tables(),
            *training_tables(runs),
        ),
    )


class _Parts:
    """A counter of the finished parts."""

    def __init__(self, progress: Progress | None, total: int) -> None:
        self._progress, self._done, self._total = progress, 0, total

    def __call__(self, name: str) -> None:
        """Count one more part."""
        self._done += 1
        if self._progress is not None:
            self._progress(self._done, self._total, name)


def published_record(
    *,
    samples: int,
    seed: int,
    command: str,
    training: Schedule | None = None,
    workers: int = 0,
    progress: Progress | None = None,
) -> Record:
    """Return the study as a record.

    Args:
        samples: The number of rows per measured number.
        seed: The seed.
        command: The command that asked for the study.
        training: The schedule of polynomial programming's training; None leaves it out.
        workers: The number of processes to spawn for the training.
        progress: A function called after every part.
    """
    started, clock = time.time(), time.perf_counter()
    study = published_study(samples=samples, seed=seed, training=training, workers=workers, progress=progress)
    head = run_head(
        command=command,
        profile=f"{samples} rows",
        seed=seed,
        device="cpu",
        dtypes=[torch.float64] if training is None else [torch.float32, torch.float64],
        alpha=FALSE_FAIL_RATE,
        tolerance=ALLOWED,
        timing={"started": started, "seconds": time.perf_counter() - clock},
    )
    return Record(run=head, cells=(), studies=(study,))

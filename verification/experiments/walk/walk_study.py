"""The walk calibration as one study in a record."""

from __future__ import annotations

from dataclasses import asdict, replace

import torch

from ...record.head import run_head
from ...record.record import Record
from ...record.study import Exhibits, Study
from ..crashed import crashed_cell
from .calibration_session import Outcome
from .claims import statements
from .design import Design, SizeName
from .findings import Findings
from .walk_charts import charts
from .walk_tables import accuracy_tables, fit_tables, minimiser_table, reason_tables, seconds_table

__all__ = ["walk_record", "walk_study"]

_TEXT = (
    "The walk: X starts at 0 and moves up by one with probability exp(-(X + theta) / 20), clipped to at most one, else down "
    "by one; unlike in the variance problem nothing is overridden at 0. A baseline of trajectories of 100 steps is made with "
    "theta* = 20; theta is to be found from it. The walk settles near 20 ln 2 - theta, with a variance that does not depend on "
    "theta.",
    "Each estimator descends with Adam from every start. Its batch may spend the same number of evaluations of the walk in "
    "every iteration, whatever a replicate costs; every seed has a baseline of its own. Where mean trajectories are compared, "
    "the residual comes from one half of the batch and the derivative from the other. The time split trains on the first 70 "
    "steps and tests on the other 30; the trajectories split trains on 70 % of the trajectories.",
    "Everything about a calibrated walk is computed from its exact law (infinitely many simulated walks, drawn hard), so that "
    "intervals over seeds hold the optimisation's and the baseline's noise and nothing else. exact_gradient descends along the "
    "exact derivative and shows what loss and optimiser do by themselves. At theta = 0 the start itself lies on the clip: from "
    "there a downward move has probability zero, and the left derivative is meant.",
)


def walk_study(findings: Findings) -> Study:
    """Statements, tables and charts of what is done."""
    return Study(
        name="walk",
        title="Walk calibration",
        text=_TEXT,
        statements=statements(findings),
        exhibits=Exhibits(
            tables=(
                minimiser_table(findings.design),
                *reason_tables(findings),
                *fit_tables(findings),
                *accuracy_tables(findings),
            ),
            charts=charts(findings),
        ),
        settings=asdict(findings.design),
        timing=Exhibits(tables=(seconds_table(findings),)),
    )


def walk_record(design: Design, outcome: Outcome, *, command: str, size: SizeName, started: float, seconds: float) -> Record:
    """The record of a session; jobs that crashed are cells too.

    Args:
        design: What was asked.
        outcome: What is done.
        command: How it was asked for.
        size: ``small`` or ``full``.
        started: Seconds since 1970.
        seconds: Wall clock.
    """
    head = run_head(
        command=command,
        profile=size,
        seed=design.seed,
        device=design.device,
        dtypes=(torch.float64,),
        alpha=0.05,
        tolerance=1.0,
        timing={"started": started, "seconds": seconds},
    )
    run = replace(head, complete=outcome.complete)
    crashed = tuple(
        crashed_cell(each.job.estimator, f"calibration_walk/{each.job.split}/{each.job.loss}", each.note)
        for each in outcome.results
        if each.status == "crashed"
    )
    return Record(run=run, cells=crashed, studies=(walk_study(Findings(design, outcome.results)),))

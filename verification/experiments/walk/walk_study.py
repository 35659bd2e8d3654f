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
    "The walk X starts at 0. It moves up by one with probability exp(-(X + theta) / 20), clipped to at most one, and else down "
    "by one; unlike in the variance problem, nothing is overridden at 0. Baseline trajectories of 100 steps are simulated with "
    "theta* = 20, and the experiment recovers theta from them. The walk settles near 20 ln 2 - theta, with a variance that "
    "does not depend on theta.",
    "Each estimator descends with Adam from every start. All estimators spend the same number of evaluations of the walk in "
    "every iteration, whatever a replicate costs, and every seed has its own baseline. When mean trajectories are compared, "
    "the residual comes from one half of the batch and the derivative from the other. The time split trains on the first 70 "
    "steps and tests on the other 30; the trajectories split trains on 70 % of the trajectories.",
    "Every figure of a calibrated walk is computed from its exact law (infinitely many simulated walks, drawn hard), so the "
    "intervals over seeds contain only the noise of the optimisation and of the baseline. exact_gradient descends along the "
    "exact derivative and shows what loss and optimiser do by themselves. The start theta = 0 lies on the clip: a downward "
    "move has probability zero there, and the derivative is the left one.",
)


def walk_study(findings: Findings) -> Study:
    """Return the statements, tables and charts of the findings."""
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
    """Return the record of a session; crashed jobs are also cells.

    Args:
        design: The design.
        outcome: The finished jobs.
        command: The command that asked for the study.
        size: ``small`` or ``full``.
        started: The time of the start, in seconds since 1970.
        seconds: The wall-clock seconds.
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

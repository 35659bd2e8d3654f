"""``gradverify experiment walk``: calibrate a walk with every estimator."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import click

from ..drawing.workers import worker_count
from .experiment_usage import checkpoint_folder, insist
from .output import command_line, finish, usage_errors
from .progress import progress

__all__ = ["walk"]


@click.command()
@click.option("--estimator", "estimators", multiple=True, metavar="NAME", help="An estimator; may be repeated. Default: nine.")
@click.option("--start", "starts", type=float, multiple=True, metavar="THETA", help="Where to start; may be repeated.")
@click.option("--seeds", type=click.IntRange(min=2), metavar="N", help="Repetitions; the size's own otherwise.")
@click.option("--steps", type=click.IntRange(min=1), metavar="N", help="Iterations of the optimiser; the size's own otherwise.")
@click.option("--split", type=click.Choice(["time", "trajectories", "both"]), default="both", show_default=True)
@click.option("--loss", type=click.Choice(["trajectory", "mean", "both"]), default="both", show_default=True)
@click.option("--size", type=click.Choice(["small", "full"]), default="small", show_default=True)
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--device", type=click.Choice(["cpu", "cuda"]), default="cpu", show_default=True)
@click.option("--workers", type=click.IntRange(min=0), metavar="N", help="Worker processes; 0: none. Default: the cores.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Folder for the report and the checkpoints.")
@click.option("--resume", is_flag=True, help="Go on from the checkpoints in the folder.")
def walk(
    estimators: tuple[str, ...],
    starts: tuple[float, ...],
    seeds: int | None,
    steps: int | None,
    split: str,
    loss: str,
    size: Literal["small", "full"],
    seed: int,
    device: str,
    workers: int | None,
    out: Path | None,
    resume: bool,
) -> None:
    """Calibrate a walk's shift from trajectories, once with every estimator, and say which claims hold.

    Exit status: 0 it ran; what holds stands in the report; 2 wrong usage; 4 a calibration crashed, which --resume tries again;
    130 interrupted, with what is done written.
    """
    began, clock = time.time(), time.perf_counter()
    with usage_errors():
        checkpoints = checkpoint_folder(out, resume)
        from ..experiments.walk.calibration_session import run_jobs
        from ..experiments.walk.design import EXACT, SIZES, jobs
        from ..experiments.walk.walk_study import walk_record

        names, places = (tuple(dict.fromkeys(each)) for each in (estimators, starts))
        asked = {"estimators": names, "starts": places, "seeds": seeds, "iterations": steps}
        parts = {"splits": split, "losses": loss}
        changes: dict[str, Any] = {name: value for name, value in asked.items() if value}
        changes |= {name: (value,) for name, value in parts.items() if value != "both"}
        design = replace(SIZES[size], seed=seed, device=device, **changes)
        insist((each for each in design.estimators if each != EXACT), device)
    with progress("calibrations") as told:
        count = worker_count(workers, device, len(jobs(design)))
        outcome = run_jobs(design, workers=count, folder=checkpoints, resume=resume, progress=told)
    if not outcome.results:
        raise KeyboardInterrupt  # again: there is nothing to write
    seconds = time.perf_counter() - clock
    finish(walk_record(design, outcome, command=command_line(), size=size, started=began, seconds=seconds), out)

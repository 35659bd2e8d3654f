"""``gradverify experiment walk``: calibrate a walk with every estimator."""

from __future__ import annotations

import shlex
import sys
import time
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .output import claim_folder, finish, usage_errors
from .progress import progress
from .workers import worker_count

if TYPE_CHECKING:
    from ..experiments.walk.design import Design

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
    size: str,
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
        folder = _folder(out, resume)
        from ..experiments.walk.design import SIZES, jobs
        from ..experiments.walk.session import run_jobs
        from ..experiments.walk.study import walk_record

        asked = {"estimators": estimators, "starts": starts, "seeds": seeds, "iterations": steps}
        parts = {"splits": split, "losses": loss}
        changes: dict[str, Any] = {name: value for name, value in asked.items() if value}
        changes |= {name: (value,) for name, value in parts.items() if value != "both"}
        design = replace(SIZES[size], seed=seed, device=device, **changes)
        _check(design)
    with progress("calibrations") as told:
        count = worker_count(workers, device, len(jobs(design)))
        try:
            outcome = run_jobs(design, workers=count, folder=folder, resume=resume, progress=told)
        except BrokenProcessPool as error:
            raise click.ClickException("a worker process died (out of memory?); --resume goes on from what is done") from error
    if not outcome.results:
        raise click.ClickException("interrupted before anything was done")
    command = shlex.join(["gradverify", *sys.argv[1:]])
    seconds = time.perf_counter() - clock
    finish(walk_record(design, outcome, command=command, size=size, started=began, seconds=seconds), out)


def _folder(out: Path | None, resume: bool) -> Path | None:
    """Where checkpoints go; a folder that holds only those may be gone on with."""
    if out is None:
        if resume:
            raise ValueError("--resume needs --out, the folder of the run to go on with")
        return None
    checkpoints = out / "checkpoints"
    if not (resume and checkpoints.is_dir()):
        claim_folder(out)
    return checkpoints


def _check(design: Design) -> None:
    """Refuse names that no estimator has, and a device that is not there, before anything runs."""
    import torch

    from ...estimators.registry import load_estimator
    from ..experiments.walk.design import EXACT

    for name in design.estimators:
        if name != EXACT:
            load_estimator(name)
    if design.device == "cuda" and not torch.cuda.is_available():
        raise ValueError("device 'cuda' is not available here; use --device cpu")

"""``gradverify experiment nri``: relational inference, once with every gradient estimator."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

import click

from ..drawing.workers import worker_count
from .experiment_usage import checkpoint_folder, insist
from .output import command_line, finish, usage_errors
from .progress import progress

__all__ = ["nri"]


@click.command()
@click.option("--estimator", "estimators", multiple=True, metavar="NAME", help="An estimator; may be repeated.")
@click.option("--simulator", type=click.Choice(["springs", "charged"]), default="springs", show_default=True)
@click.option("--encoder", type=click.Choice(["mlp", "cnn"]), help="Default: mlp.")
@click.option("--decoder", type=click.Choice(["mlp", "rnn"]), help="Default: mlp.")
@click.option("--size", type=click.Choice(["small", "full"]), default="small", show_default=True)
@click.option("--steps", type=click.IntRange(min=1), metavar="N", help="Optimisation steps of every model.")
@click.option("--seeds", type=click.IntRange(min=1), metavar="N", help="Models an estimator. Default: 3 (small), 1 (full).")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="The first of them, and the data's.")
@click.option("--device", type=click.Choice(["cpu", "cuda"]), default="cpu", show_default=True)
@click.option("--workers", type=click.IntRange(min=0), metavar="N", help="Worker processes; 0: none. Default: the cores.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Folder for the report and checkpoints.")
@click.option("--resume", is_flag=True, help="Go on from the checkpoints in the folder.")
@click.option("--cache", type=click.Path(path_type=Path, file_okay=False), help="Folder for simulated data.")
def nri(
    estimators: tuple[str, ...],
    simulator: Literal["springs", "charged"],
    encoder: Literal["mlp", "cnn"] | None,
    decoder: Literal["mlp", "rnn"] | None,
    size: Literal["small", "full"],
    steps: int | None,
    seeds: int | None,
    seed: int,
    device: str,
    workers: int | None,
    out: Path | None,
    resume: bool,
    cache: Path | None,
) -> None:
    """Infer which particles interact from their trajectories alone, once with every estimator.

    The small size compares six estimators on springs in minutes; the full one is the published configuration, for a GPU. Data
    are simulated, by seed, and kept in a cache (by default the user's own); nothing is downloaded. Each model that is done
    stands under checkpoints in the folder; --resume trains the others.

    Exit status: 0 it ran, whatever was found; 2 wrong usage; 4 a model's training crashed, which --resume tries again; 130
    interrupted, with what is finished written.
    """
    with usage_errors():
        checkpoints = checkpoint_folder(out, resume)
        from ..experiments.nri.training_plan import make_plan

        plan = make_plan(
            size,
            simulator=simulator,
            estimators=estimators,
            encoder=encoder,
            decoder=decoder,
            steps=steps,
            seeds=seeds,
            seed=seed,
        )
        insist((each.arm.estimator for each in plan.jobs), device)
    from ..experiments.nri.nri_record import nri_record

    with progress("steps") as told, usage_errors():
        record = nri_record(
            plan,
            command=command_line(),
            cache=cache or _user_cache(),
            checkpoints=checkpoints,
            resume=resume,
            device=device,
            workers=worker_count(workers, device, len(plan.jobs)),
            progress=told,
        )
    if not record.run.complete and not any(each.exhibits.charts or each.statements for each in record.studies):
        raise KeyboardInterrupt  # again: no model was finished, so there is nothing to write
    finish(record, out)


def _user_cache() -> Path:
    """Return the folder in which this user's programs keep what they can make again."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "gradverify"

"""``gradverify bench``: how fast, beside what one would otherwise do."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..record.folder import claim_folder
from .output import command_line, finish, usage_errors
from .progress import progress

if TYPE_CHECKING:
    from ..problems.problem import Problem

__all__ = ["bench"]

TARGETS = (
    "score_function",
    "score_function_baseline",
    "leave_one_out",
    "stochastic_triple",
    "conditional_triple",
    "straight_through",
)
PROBLEM = "random_walk:100/square/p"
LENGTHS = (10, 20, 50, 100, 200, 500)
PARAMETERS = (3, 6, 12)


@click.command(short_help="Measure replicates a second, memory, variance x seconds.")
@click.argument("targets", nargs=-1, metavar="[TARGET]...")
@click.option("--problem", "problems", multiple=True, metavar="NAME", help=f"A problem or a family. Default: {PROBLEM}.")
@click.option("--rows", type=click.IntRange(min=4), default=16_384, show_default=True, help="Rows of one run.")
@click.option("--blocks", type=click.IntRange(min=1), default=7, show_default=True, help="Interleaved blocks.")
@click.option("--device", type=click.Choice(["cpu", "cuda"]), default="cpu", show_default=True)
@click.option("--dtype", type=click.Choice(["float32", "float64"]), default="float32", show_default=True)
@click.option(
    "--threads", type=click.IntRange(min=1), default=1, show_default=True, help="Threads of PyTorch and of the walks."
)
@click.option("--fused/--no-fused", default=True, help="Compiled walks beside the eager path.")
@click.option("--peers/--no-peers", default=True, help="What else one would write, on the random walk.")
@click.option("--curves/--no-curves", default=True, help="Cost against length, parameters and rows.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Folder for the report.")
def bench(
    targets: tuple[str, ...],
    problems: tuple[str, ...],
    rows: int,
    blocks: int,
    device: str,
    dtype: str,
    threads: int,
    fused: bool,
    peers: bool,
    curves: bool,
    seed: int,
    out: Path | None,
) -> None:
    """Measure estimators: replicates a second, memory, and variance per second, ways side by side.

    Every figure is a clock's or a memory's, so none enters a comparison of runs.

    Exit status: 0 it ran; 2 wrong usage; 130 interrupted, with nothing written.
    """
    import torch

    from ...estimators.registry import load_estimator
    from ..problems.registry import find_problems
    from ..record.head import run_head
    from ..record.record import Record
    from ..throughput.throughput_study import BenchSettings, throughput_study

    with usage_errors():
        if out is not None:
            claim_folder(out)
        if device == "cuda" and not torch.cuda.is_available():
            raise ValueError("device 'cuda' was asked for and PyTorch sees none; use 'cpu', or a machine with a GPU")
        estimators = {name: load_estimator(name) for name in (targets or TARGETS)}
        chosen = find_problems(problems or (PROBLEM,), quick=False)
    torch.set_num_threads(threads)
    settings = BenchSettings(rows, blocks, device, getattr(torch, dtype), fused, peers, seed)
    started, wall = time.perf_counter(), time.time()
    with progress("measurements") as told:
        study = throughput_study(estimators, chosen, _growing() if curves else {}, settings, told)
    head = run_head(
        command=command_line(),
        profile="bench",
        seed=seed,
        device=device,
        dtypes={settings.dtype},
        alpha=1e-3,  # a record's head has both; here nothing is decided by them
        tolerance=0.1,
        timing={"started": wall, "seconds": time.perf_counter() - started},
    )
    finish(Record(run=head, cells=(), studies=(study,)), out)


def _growing() -> dict[str, list[Problem]]:
    """The problems of the cost curves."""
    from ..problems.registry import find_problems

    lengths = [f"random_walk:{each}/square/p" for each in LENGTHS]
    counts = [f"bits:{each}/cubic" for each in PARAMETERS]
    return {"length": find_problems(lengths, quick=False), "parameters": find_problems(counts, quick=False)}

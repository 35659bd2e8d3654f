"""``gradverify verify``: every target on every problem."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .output import claim_folder, finish, usage_errors
from .progress import progress
from .workers import worker_count

if TYPE_CHECKING:
    from ..record import Record

__all__ = ["verify"]


@click.command()
@click.argument("targets", nargs=-1, metavar="[TARGET]...")
@click.option("--problem", "problems", multiple=True, metavar="NAME", help="A problem or a family; may be repeated.")
@click.option("--profile", type=click.Choice(["quick", "standard", "thorough"]), default="quick", show_default=True)
@click.option("--tolerance", type=float, metavar="R", help="Relative bias that is accepted; the profile's own otherwise.")
@click.option("--alpha", type=float, default=1e-3, show_default=True, help="False-alarm rate of the whole run.")
@click.option("--budget", "seconds", type=float, metavar="SECONDS", help="Close open cells after this time.")
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--device", type=click.Choice(["cpu", "cuda"]), default="cpu", show_default=True)
@click.option("--workers", type=click.IntRange(min=0), metavar="N", help="Worker processes; 0: none. Default: the cores.")
@click.option(
    "--expect", type=click.Choice(["unbiased", "biased", "any"]), help="Hold every target to this, not to its claims."
)
@click.option("--exact", is_flag=True, help="No sampling: run each estimator over all its draws, where they are finite.")
@click.option("--attribute", is_flag=True, help="Where a gradient is biased, name the sites at which the bias enters.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Folder for the report.")
def verify(
    targets: tuple[str, ...],
    problems: tuple[str, ...],
    profile: str,
    tolerance: float | None,
    alpha: float,
    seconds: float | None,
    seed: int,
    device: str,
    workers: int | None,
    expect: str | None,
    exact: bool,
    attribute: bool,
    out: Path | None,
) -> None:
    """Verify gradient estimators: every TARGET on every problem.

    A TARGET is a registered name, package.module:attr or path/to/file.py:attr; without one, every registered estimator.

    Exit status: 0 every claim holds; 1 a claim is refuted; 2 wrong usage; 3 nothing refuted, something inconclusive;
    4 something could not be run.
    """
    with usage_errors():
        if out is not None:
            claim_folder(out)
        from ..plan import settle

        settings = settle(
            profile=profile,
            tolerance=tolerance,
            alpha=alpha,
            seed=seed,
            device=device,
            expect=expect or "claims",
            seconds=seconds,
        )
        run, places = _prepare(targets, problems, settings)
    from ..executors import Inline, Processes

    with progress() as told:
        if exact:
            record = run.execute_exactly(told)
        else:
            count = worker_count(workers, device, len(run.runs))
            record = run.execute(Processes(count, settings, places) if count else Inline(run.bench), told)
        if attribute and record.run.complete:
            record = run.attributed(record, told)
    _insist_on_a_verdict(record)
    finish(record, out)


def _insist_on_a_verdict(record: Record) -> None:
    """A run in which nothing applied to anything has verified nothing, and must not pass."""
    checks = [each.find("bias") for each in record.cells if each.estimator != "references"]
    notes = [each.note for each in checks if each is not None and each.outcome == "not-applicable"]
    if len(notes) == len(checks):
        raise click.UsageError(f"no target applies to any of the problems, so nothing was verified: {notes[0]}")


def _prepare(targets: tuple[str, ...], problems: tuple[str, ...], settings: Any) -> tuple[Any, dict[str, str]]:
    """The run, and for every problem the target at which another process finds it."""
    from ...estimators.registry import load_estimator, names
    from ..problems.registry import find_problems
    from ..run import Verification

    chosen = {name: load_estimator(name) for name in (targets or names())}
    quick = settings.profile.name == "quick"
    found = {
        each.name: (each, target)
        for target in (problems or ("",))
        for each in find_problems([target] if target else [], quick=quick)
    }
    places = {name: target or name for name, (_, target) in found.items()}
    run = Verification(
        estimators=chosen,
        problems=[each for each, _ in found.values()],
        settings=settings,
        command=shlex.join(["gradverify", *sys.argv[1:]]),
    )
    run.replay = _replay(settings, places, run.budget.per_cell)
    return run, places


def _replay(settings: Any, places: dict[str, str], per_cell: float) -> Callable[[str, str], str]:
    """The command that repeats one cell: the same rows, at the same error rate."""
    from ..plan import PROFILES

    options = ["--profile", settings.profile.name]
    if settings.profile != PROFILES[settings.profile.name]:
        options += ["--tolerance", repr(settings.profile.r_accept)]
    options += ["--seed", str(settings.seed), "--alpha", repr(per_cell / 0.8), "--device", settings.device]
    if settings.expect != "claims":
        options += ["--expect", settings.expect]

    def command(estimator: str, problem: str) -> str:
        return shlex.join(["gradverify", "verify", estimator, "--problem", _alone(places[problem], problem), *options])

    return command


def _alone(place: str, problem: str) -> str:
    """The shortest target that finds a problem: its name if it is registered, else the place it came from."""
    from ..problems.registry import find_problems

    if ".py:" in place:
        return place
    try:
        find_problems([problem], quick=False)
    except ValueError:
        return place
    return problem

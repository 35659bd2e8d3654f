"""``gradverify verify``: every target on every problem."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .foreign import Stated, examined, foreign_options
from .output import claim_folder, finish, usage_errors
from .progress import progress
from .workers import worker_count

if TYPE_CHECKING:
    from ..executors import Executor
    from ..record import Record

__all__ = ["verify"]


@click.command()
@click.argument("targets", nargs=-1, metavar="[TARGET]...")
@click.option("--problem", "problems", multiple=True, metavar="NAME", help="A problem or a family; may be repeated.")
@click.option("--params", metavar="P,...", help="Where to differentiate a --problem that is a plain program.")
@click.option("--profile", type=click.Choice(["quick", "standard", "thorough"]), default="quick", show_default=True)
@click.option("--tolerance", type=float, metavar="R", help="Relative bias that is accepted; the profile's own otherwise.")
@click.option("--alpha", type=float, default=1e-3, show_default=True, help="False-alarm rate of the whole run.")
@click.option("--budget", "seconds", type=float, metavar="SECONDS", help="Close open cells after this time.")
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--device", type=click.Choice(["cpu", "cuda"]), default="cpu", show_default=True)
@click.option("--dtype", type=click.Choice(["float32", "float64"]), help="Floating type; each problem's own otherwise.")
@click.option("--workers", type=click.IntRange(min=0), metavar="N", help="Worker processes; 0: none. Default: the cores.")
@click.option(
    "--expect",
    type=click.Choice(["unbiased", "biased", "any"]),
    help="Hold targets to this, not to their claims; what claims nothing is held to unbiased.",
)
@foreign_options
@click.option("--exact", is_flag=True, help="No sampling: run each estimator over all its draws, where they are finite.")
@click.option("--attribute", is_flag=True, help="Where a gradient is biased, name the sites at which the bias enters.")
@click.option(
    "--dask", metavar="ADDRESS", help="Run on an existing Dask cluster: its scheduler's address, or a scheduler file."
)
@click.option("--fused/--no-fused", default=True, help="Compiled walks where an estimator has one and many rows are drawn.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Folder for the report.")
@click.option("--resume", is_flag=True, help="Go on with the unfinished run in the folder of --out.")
def verify(
    targets: tuple[str, ...],
    problems: tuple[str, ...],
    params: str | None,
    profile: str,
    tolerance: float | None,
    alpha: float,
    seconds: float | None,
    seed: int,
    device: str,
    dtype: str | None,
    workers: int | None,
    expect: str | None,
    takes: str | None,
    returns: str | None,
    state: str,
    objective: str,
    time_limit: float,
    exact: bool,
    attribute: bool,
    dask: str | None,
    fused: bool,
    out: Path | None,
    resume: bool,
) -> None:
    """Verify gradient estimators: every TARGET on every problem.

    A TARGET is a registered name, package.module:attr or path/to/file.py:attr; without one, every registered estimator. attr is
    an estimator, or foreign code as it is: a sampler of probs or logits, an autograd Function, a class with rsample, a
    function that is handed a sample, a surrogate loss or a gradient. How it is called is found out by calling it.

    Exit status: 0 every claim holds; 1 a claim is refuted; 2 wrong usage; 3 nothing refuted, something inconclusive;
    4 something could not be run.
    """
    with usage_errors():
        _refuse_contradictions(out, resume=resume, exact=exact, dask=dask, workers=workers, device=device)
        if out is not None:
            claim_folder(out)
        from ..foreign import broken_cells, with_conventions
        from ..plan import settle
        from ..problems.programs import with_params

        problems = with_params(problems, params)
        settings = settle(
            profile=profile,
            tolerance=tolerance,
            alpha=alpha,
            seed=seed,
            device=device,
            expect=expect or "claims",
            seconds=seconds,
            dtype=dtype,
        )
        settings = replace(settings, fused=fused)
        stated = Stated(takes, returns, state, objective, time_limit)
        settings, findings = examined(targets, settings, stated)
        run, places = _prepare(targets, problems, settings, findings, stated)
    with progress() as told:
        if exact:
            record = run.execute_exactly(told)
        else:
            with usage_errors():
                executor = _executor(run, places, dask, workers, time_limit)
                if out is not None:
                    executor = _journal(executor, out, settings, [*targets, *problems], resume=resume)
            record = run.execute(executor, told)
        if attribute and record.run.complete:
            record = run.attributed(record, told)
    record = with_conventions(replace(record, cells=(*record.cells, *broken_cells(findings, list(places)))))
    _insist_on_a_verdict(record)
    finish(record, out)


def _refuse_contradictions(
    out: Path | None, *, resume: bool, exact: bool, dask: str | None, workers: int | None, device: str
) -> None:
    """Options that cannot be meant together."""
    if resume and out is None:
        raise ValueError("--resume needs --out, the folder of the run to go on with")
    if exact and (resume or dask):
        raise ValueError("--exact draws no rows, so that there is nothing to resume or to send to a cluster")
    if dask and (workers is not None or device != "cpu"):
        raise ValueError("--dask runs on the cluster's CPU workers; leave --workers and --device out")


def _executor(run: Any, places: dict[str, str], dask: str | None, workers: int | None, time_limit: float) -> Executor:
    """Where the rows are drawn: on a cluster, in spawned processes, or here; foreign code never here."""
    from ..executors import Inline, Processes

    settings = run.settings
    if dask:
        from ..cluster import Cluster

        return Cluster(dask, settings, places, limit=time_limit)
    count = worker_count(workers, settings.device, len(run.runs)) or int(bool(settings.conventions))
    return Processes(count, settings, places, limit=time_limit) if count else Inline(run.bench)


def _journal(executor: Executor, out: Path, settings: Any, targets: list[str], *, resume: bool) -> Executor:
    """The executor with its answers kept in the run's folder."""
    from ..journal import JOURNAL, Journal, fingerprint
    from ..sources import source_digests

    try:
        journal = Journal(executor, out / JOURNAL, fingerprint(settings, source_digests(targets)), resume=resume)
    except BaseException:
        executor.close()
        raise
    if resume:
        click.echo(f"{journal.answered} tasks were answered before", err=True)
    return journal


def _insist_on_a_verdict(record: Record) -> None:
    """A run in which nothing applied to anything has verified nothing, and must not pass."""
    checks = [each.find("bias") for each in record.cells if each.estimator != "references"]
    notes = [each.note for each in checks if each is not None and each.outcome == "not-applicable"]
    if len(notes) == len(checks):
        raise click.UsageError(f"no target applies to any of the problems, so nothing was verified: {notes[0]}")


def _prepare(
    targets: tuple[str, ...], problems: tuple[str, ...], settings: Any, findings: list[Any], stated: Stated
) -> tuple[Any, dict[str, str]]:
    """The run, and for every problem the target at which another process finds it."""
    from ...estimators.registry import names
    from ..foreign import load_quietly
    from ..problems.registry import find_problems
    from ..run import Verification

    broken = {each.target for each in findings if each.convention is None}
    conventions = dict(settings.conventions)
    chosen = {name: load_quietly(name, conventions.get(name)) for name in (targets or names()) if name not in broken}
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
    run.replay = _replay(settings, places, run.budget.per_cell, stated.options)
    return run, places


def _replay(settings: Any, places: dict[str, str], per_cell: float, stated: list[str]) -> Callable[[str, str], str]:
    """The command that repeats one cell: the same rows, at the same error rate."""
    from ..plan import PROFILES

    options = ["--profile", settings.profile.name]
    if settings.profile != PROFILES[settings.profile.name]:
        options += ["--tolerance", repr(settings.profile.r_accept)]
    options += ["--seed", str(settings.seed), "--alpha", repr(per_cell / 0.8), "--device", settings.device]
    if settings.dtype is not None:
        options += ["--dtype", settings.dtype]
    if settings.expect != "claims":
        options += ["--expect", settings.expect]
    if not settings.fused:
        options.append("--no-fused")
    foreign = {target for target, convention in settings.conventions if convention.kind != "estimator"}

    def command(estimator: str, problem: str) -> str:
        said = [*options, *(stated if estimator in foreign else [])]
        return shlex.join(["gradverify", "verify", estimator, "--problem", _alone(places[problem], problem), *said])

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

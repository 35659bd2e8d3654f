"""``gradverify verify``: every target on every problem."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ..drawing.place import Place
from ..record.folder import claim_folder
from .foreign import Stated, examined, foreign_options
from .output import command_line, finish, usage_errors
from .progress import progress
from .replay import replay_command

if TYPE_CHECKING:
    from ..foreign.examine import Finding
    from ..plan import Settings
    from ..record.record import Record
    from ..run.verification import Verification

__all__ = ["verify"]

_Part = TypeVar("_Part", Stated, Place)


@click.command(short_help="Verify gradient estimators: biased or not, at what variance.")
@click.argument("targets", nargs=-1, metavar="[TARGET]...")
@click.option("--problem", "problems", multiple=True, metavar="NAME", help="A problem or a family; may be repeated.")
@click.option("--params", metavar="P,...", help="Where to differentiate a --problem that is a plain program.")
@click.option("--profile", type=click.Choice(["quick", "standard", "thorough"]), default="quick", show_default=True)
@click.option("--tolerance", type=float, metavar="R", help="Relative bias that is accepted; the profile's own otherwise.")
@click.option("--alpha", type=float, metavar="A", default=1e-3, show_default=True, help="False-alarm rate of the whole run.")
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
    targets: tuple[str, ...], problems: tuple[str, ...], params: str | None, exact: bool, attribute: bool, **options: Any
) -> None:
    """Verify gradient estimators: every TARGET on every problem.

    A TARGET is a registered name, package.module:attr or path/to/file.py:attr; without one, every registered estimator. attr is
    an estimator, or foreign code as it is: a sampler of probs or logits, an autograd Function, a class with rsample, a
    function that is handed a sample, a surrogate loss or a gradient. How it is called is found out by calling it. TARGET@N
    makes a batch of N rows that depend on each other one replicate.

    Exit status: 0 every claim holds; 1 a claim is refuted; 2 wrong usage, or a target that cannot be used; 3 nothing refuted,
    something inconclusive; 4 something could not be run; 130 interrupted, with what is finished written.
    """
    stated, place = _part(Stated, options), _part(Place, options)
    settled = {name: value for name, value in options.items() if name not in {*vars(stated), *vars(place)}}
    with usage_errors():
        place.refuse_contradictions(exact=exact, device=options["device"])
        if place.out is not None:
            claim_folder(place.out)
        from ..foreign.examine import broken_cells, with_conventions
        from ..problems.programs import with_params
        from ..run.attribution import attributed

        problems = with_params(problems, params)
        settings, findings = examined(targets, _settings(**settled), stated)
        _refuse_idle(stated, findings)
        run, places = _prepare(targets, problems, settings, findings, stated)
    with progress() as told:
        if exact:
            record = run.execute_exactly(told)
        else:
            with usage_errors():
                executor = place.journalled(run, places, [*targets, *problems])
            record = run.execute(executor, told)
        if attribute and record.run.complete:
            record = attributed(record, settings.alpha, place.searching(run, places), told)
    record = with_conventions(replace(record, cells=(*record.cells, *broken_cells(findings, list(places)))))
    if record.run.complete:
        _insist_on_a_verdict(record)
    elif place.out is not None and not exact:
        click.echo("stopped; the same command with --resume goes on", err=True)
    finish(record, place.out)


def _part(kind: type[_Part], options: Mapping[str, Any]) -> _Part:
    """The options that one object holds."""
    return kind(**{each.name: options[each.name] for each in fields(kind)})


def _settings(*, expect: str | None, fused: bool, **options: Any) -> Settings:
    from ..plan import settle

    expected: Expectation = expect or "claims"
    return replace(settle(expect=expected, **options), fused=fused)


def _refuse_idle(stated: Stated, findings: list[Finding]) -> None:
    """Options that say how foreign code is used, where none is."""
    foreign = [each for each in findings if each.convention is None or each.convention.kind != "estimator"]
    if stated.options and not foreign:
        named = " and ".join(word for word in stated.options if word.startswith("--"))
        raise ValueError(f"{named}: said of foreign code, and no target is; estimators as they are take no such option")


def _insist_on_a_verdict(record: Record) -> None:
    """A run in which nothing applied to anything has verified nothing, and must not pass."""
    checks = [each.find("bias") for each in record.cells if each.estimator != "references"]
    notes = [each.note for each in checks if each is not None and each.outcome == "not-applicable"]
    if len(notes) == len(checks):
        raise click.UsageError(f"no target applies to any of the problems, so nothing was verified: {notes[0]}")


def _prepare(
    targets: tuple[str, ...], problems: tuple[str, ...], settings: Settings, findings: list[Finding], stated: Stated
) -> tuple[Verification, dict[str, str]]:
    """The run, and for every problem the target at which another process finds it."""
    from ...estimators.registry import names
    from ..foreign.examine import at_every_size, load_quietly
    from ..problems.registry import find_problems
    from ..run.verification import Verification

    conventions = dict(settings.conventions)
    chosen = {name: load_quietly(name, conventions.get(name)) for name in at_every_size(targets or names(), findings)}
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
        command=command_line(),
    )
    run.replay = replay_command(settings, places, run.budget.per_cell, stated.options)
    return run, places

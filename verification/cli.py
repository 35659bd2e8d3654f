"""The command line: ``gradverify verify``, ``report`` and ``list``."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

try:
    import click
except ImportError as error:
    raise SystemExit(
        f"gradverify's command needs {error.name}; install it with: pip install 'gradverify[cli,report]'"
    ) from error

if TYPE_CHECKING:
    from .record import Record

__all__ = ["main"]

INTERRUPTED = 130
_QUIET_SECONDS = 10.0


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="gradverify")
def main() -> None:
    """The gradcheck for stochastic gradients: unbiased or not, at what variance, at what cost."""


@main.command()
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
    with _usage_errors():
        if out is not None:
            _claim_folder(out)
        from .plan import settle

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
    from .executors import Inline, Processes

    with _progress() as told:
        if exact:
            record = run.execute_exactly(told)
        else:
            count = _worker_count(workers, device, len(run.runs))
            record = run.execute(Processes(count, settings, places) if count else Inline(run.bench), told)
        if attribute and record.run.complete:
            record = run.attributed(record, told)
    _insist_on_a_verdict(record)
    _finish(record, out)


@main.command()
@click.argument("record", type=click.Path(path_type=Path, exists=True, dir_okay=False), metavar="RUN.json")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Folder; the record's own otherwise.")
def report(record: Path, out: Path | None) -> None:
    """Render the reports of a record again."""
    from .record import Record
    from .report import write_reports

    with _usage_errors():
        read = Record.read(record)
        folder = out or record.parent
        if out is not None:
            _claim_folder(out)
        for path in write_reports(read, folder):
            click.echo(path)


@main.command()
@click.option("--profile", type=click.Choice(["fast", "full"]), default="full", show_default=True)
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--workers", type=click.IntRange(min=0), metavar="N", help="Worker processes; 0: none. Default: the cores.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Folder for selftest.json, .md, .svg and .png.")
def selftest(profile: Literal["fast", "full"], seed: int, workers: int | None, out: Path | None) -> None:
    """Measure the verifier itself: false alarms on sound laws, planted bugs, power.

    Exit status: 0 it kept its promises; 1 it did not.
    """
    from .selftest import exit_status, run_selftest, write_selftest

    with _usage_errors():
        if out is not None:
            out.mkdir(parents=True, exist_ok=True)
    with _progress() as told:
        found = run_selftest(profile, seed=seed, workers=_usable_cores() if workers is None else workers, progress=told)
    from .selftest.rendering import to_markdown

    click.echo(to_markdown(found))
    if out is not None:
        with _usage_errors():
            write_selftest(found, out)
    sys.exit(exit_status(found))


@main.command("list")
@click.argument("what", type=click.Choice(["estimators", "problems"]))
@click.option("--record", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="A run; prints a Markdown table.")
def list_(what: str, record: Path | None) -> None:
    """List what is registered: estimators, or problems."""
    if what == "problems":
        from .problems.registry import registered

        for name in registered():
            click.echo(name)
        return
    from ..estimators.protocol import describe
    from ..estimators.registry import load_estimator, names

    if record is not None:
        from .record import Record
        from .report.catalogue import estimator_table

        with _usage_errors():
            click.echo(estimator_table({name: load_estimator(name) for name in names()}, Record.read(record)), nl=False)
        return
    for name in names():
        about = describe(load_estimator(name))
        click.echo(f"{name:34} {about.claims.bias.replace('_', '-'):12} {about.reference}")


def _prepare(targets: tuple[str, ...], problems: tuple[str, ...], settings: Any) -> tuple[Any, dict[str, str]]:
    """The run, and for every problem the target at which another process finds it."""
    from ..estimators.registry import load_estimator, names
    from .problems.registry import find_problems
    from .run import Verification

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
    from .plan import PROFILES

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
    from .problems.registry import find_problems

    if ".py:" in place:
        return place
    try:
        find_problems([problem], quick=False)
    except ValueError:
        return place
    return problem


def _finish(record: Record, out: Path | None) -> None:
    """Write the reports, print the summary, exit with the record's status."""
    from .report import exit_status, render, validate, write_reports

    validate(record)
    terminal = sys.stdout.isatty()
    click.echo(render(record, shutil.get_terminal_size((100, 24)).columns, styled=terminal))
    if out is not None:
        # After the summary, which is all that is left of a run whose disk is full.
        with _usage_errors():
            record.write(out / "report.json")
            write_reports(record, out)
        click.echo(f"\nreport: {out / 'report.html'}")
    sys.exit(exit_status(record) if record.run.complete else INTERRUPTED)


def _insist_on_a_verdict(record: Record) -> None:
    """A run in which nothing applied to anything has verified nothing, and must not pass."""
    checks = [each.find("bias") for each in record.cells if each.estimator != "references"]
    notes = [each.note for each in checks if each is not None and each.outcome == "not-applicable"]
    if len(notes) == len(checks):
        raise click.UsageError(f"no target applies to any of the problems, so nothing was verified: {notes[0]}")


def _claim_folder(folder: Path) -> None:
    """Make sure that a folder may be written to, and holds nothing but an earlier report."""
    from .record import Record, write_atomically

    folder.mkdir(parents=True, exist_ok=True)
    holds = [each for each in folder.iterdir() if not each.name.startswith(".")]
    if holds:
        try:
            Record.read(folder / "report.json")
        except (OSError, ValueError) as error:
            raise ValueError(
                f"folder {folder} holds {holds[0].name} and no report of gradverify; "
                "give an empty or new folder, or one of an earlier run"
            ) from error
    probe = folder / ".writable"
    write_atomically(probe, "")
    probe.unlink()


def _worker_count(asked: int | None, device: str, cells: int) -> int:
    """Processes to spawn; none on a GPU, which one process keeps busy."""
    if device != "cpu" or asked == 0:
        return 0
    return max(1, min(asked or _usable_cores(), cells))


def _usable_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def _usage_errors() -> Iterator[None]:
    """What the user can mend becomes one sentence and exit status 2."""
    try:
        yield
    except (ValueError, ImportError) as error:
        raise click.UsageError(str(error)) from error
    except OSError as error:
        place = f" ({error.filename})" if error.filename else ""
        raise click.UsageError(f"cannot write or read{place}: {error.strerror or error}") from error


@contextmanager
def _progress() -> Iterator[Callable[[int, int, str], None]]:
    """Progress on stderr: a bar on a terminal, a line now and then elsewhere."""
    if not sys.stderr.isatty():
        yield _plain_progress()
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("cells"), TimeElapsedColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None)
        yield lambda done, total, name: bar.update(task, completed=done, total=total, description=name)


def _plain_progress() -> Callable[[int, int, str], None]:
    last = time.monotonic()

    def told(done: int, total: int, name: str) -> None:
        nonlocal last
        if done == total or time.monotonic() - last > _QUIET_SECONDS:
            last = time.monotonic()
            click.echo(f"{done} of {total} cells decided", err=True)

    return told

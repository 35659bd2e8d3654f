"""``gradverify verify``: every target on every problem."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import click

from ..run.request import assemble
from ..run.request import options as verify_options
from .output import command_line, finish, usage_errors
from .progress import progress
from .request_options import request_options

if TYPE_CHECKING:
    from ..record.record import Record

__all__ = ["verify"]


@click.command(short_help="Verify gradient estimators: biased or not, at what variance.")
@click.argument("targets", nargs=-1, metavar="[TARGET]...")
@click.option("--problem", "problems", multiple=True, metavar="NAME", help="A problem or a family; may be repeated.")
@request_options(verify_options().values())
def verify(targets: tuple[str, ...], problems: tuple[str, ...], **given: Any) -> None:
    """Verify gradient estimators: every TARGET on every problem.

    A TARGET is a registered name, package.module:attr or path/to/file.py:attr; without one, every registered estimator. attr is
    an estimator, or foreign code as it is: a sampler of probs or logits, an autograd Function, a class with rsample, a
    function that is handed a sample, a surrogate loss or a gradient. How it is called is found out by calling it. TARGET@N
    makes a batch of N rows that depend on each other one replicate.

    Exit status: 0 every claim holds; 1 a claim is refuted; 2 wrong usage, or a target that cannot be used; 3 nothing refuted,
    something inconclusive; 4 something could not be run; 130 interrupted, with what is finished written.
    """
    with usage_errors():
        notify = partial(click.echo, err=True)
        request = assemble(targets, problems, given, command=command_line(), notify=notify)
        executor = request.open_executor()
    with progress() as show:
        record = request.execute(executor, show)
    if record.run.complete:
        _insist_on_a_verdict(record)
    elif given["out"] is not None and not given["exact"]:
        click.echo("stopped; the same command with --resume goes on", err=True)
    finish(record, given["out"])


def _insist_on_a_verdict(record: Record) -> None:
    """Refuse a run in which nothing applied to anything: it has verified nothing, and must not pass."""
    checks = [cell.find("bias") for cell in record.cells if cell.estimator != "references"]
    notes = [check.note for check in checks if check is not None and check.outcome == "not-applicable"]
    if len(notes) == len(checks):
        raise click.UsageError(f"no target applies to any of the problems, so nothing was verified: {notes[0]}")

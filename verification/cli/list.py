"""``gradverify list``: what is registered."""

from __future__ import annotations

from pathlib import Path

import click

from .output import read_record, usage_errors

__all__ = ["list_"]


@click.command("list")
@click.argument("what", type=click.Choice(["estimators", "problems"]))
@click.option(
    "--record",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A run; prints a Markdown table of estimators.",
)
def list_(what: str, record: Path | None) -> None:
    """List what is registered: estimators, or problems."""
    if what == "problems":
        if record is not None:
            raise click.UsageError("--record makes the table of estimators; leave it out with `list problems`")
        from ...estimators.registry import repeated_plugins
        from ..problems.registry import GROUP as PROBLEMS
        from ..problems.registry import registered_problems, unusable

        for name in registered_problems():
            click.echo(name)
        for said in (*unusable().values(), *repeated_plugins(PROBLEMS)):
            click.echo(said, err=True)
        return
    from ...estimators.protocol import describe
    from ...estimators.registry import GROUP, TargetError, load_estimator, names, repeated_plugins

    if record is not None:
        from ..report.catalogue import estimator_table

        with usage_errors():
            click.echo(estimator_table({name: load_estimator(name) for name in names()}, read_record(record)), nl=False)
        return
    for name in names():
        try:
            about = describe(load_estimator(name))
        except TargetError as error:  # a plug-in that is broken costs its own line
            click.echo(error, err=True)
            continue
        click.echo(f"{name:34} {about.claims.bias:12} {about.reference}")
    for said in repeated_plugins(GROUP):
        click.echo(said, err=True)

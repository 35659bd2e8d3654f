"""``gradverify list``: what is registered."""

from __future__ import annotations

from pathlib import Path

import click

from .output import usage_errors

__all__ = ["list_"]


@click.command("list")
@click.argument("what", type=click.Choice(["estimators", "problems"]))
@click.option("--record", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="A run; prints a Markdown table.")
def list_(what: str, record: Path | None) -> None:
    """List what is registered: estimators, or problems."""
    if what == "problems":
        from ..problems.registry import registered

        for name in registered():
            click.echo(name)
        return
    from ...estimators.protocol import describe
    from ...estimators.registry import load_estimator, names

    if record is not None:
        from ..record import Record
        from ..report.catalogue import estimator_table

        with usage_errors():
            click.echo(estimator_table({name: load_estimator(name) for name in names()}, Record.read(record)), nl=False)
        return
    for name in names():
        about = describe(load_estimator(name))
        click.echo(f"{name:34} {about.claims.bias.replace('_', '-'):12} {about.reference}")

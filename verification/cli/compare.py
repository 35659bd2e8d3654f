"""``gradverify compare``: what changed from one record to another."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from .output import RECORD, read_record, usage_errors

__all__ = ["compare"]


@click.command(short_help="Say what changed from one record to another.")
@click.argument("base", type=RECORD, metavar="BASE.json")
@click.argument("head", type=RECORD, metavar="HEAD.json")
@click.option("--margin", type=float, metavar="R", default=0.05, show_default=True, help="Change of a variance allowed.")
@click.option("--alpha", type=float, metavar="A", default=1e-3, show_default=True, help="False-alarm rate of the comparison.")
@click.option("--same", is_flag=True, help="Look for any difference, with no margin: two devices, two versions.")
@click.option("--timing", is_flag=True, help="Let seconds count (same machine, quiet); else they are shown only.")
@click.option("--format", "form", type=click.Choice(["text", "markdown"]), default="text", show_default=True)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="File to write to; standard output otherwise.")
def compare(base: Path, head: Path, margin: float, alpha: float, same: bool, timing: bool, form: str, out: Path | None) -> None:
    """Compare the records of two runs: biases, variances, exponents, cost and verdicts.

    What is said to have changed has changed by more than the margin, at one error rate for the whole comparison.

    Exit status: 0 nothing is worse; 1 something is worse (with --same: something differs); 2 wrong usage, or records that
    cannot be compared; 3 nothing is worse, and something that was known is so no longer.
    """
    from ..comparison.compare import compare as compared
    from ..record.record import write_atomically
    from ..report.comparison_report import FORMATS

    with usage_errors():
        found = compared(read_record(base), read_record(head), margin=margin, alpha=alpha, same=same, timing=timing)
        said = FORMATS[form](found)
        if out is None:
            click.echo(said, nl=False)
        else:
            write_atomically(out, said)
            click.echo(out)
    sys.exit(found.exit_status)

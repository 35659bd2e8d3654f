"""The command line; each command is a file of its name."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

try:
    import click
except ImportError as error:
    raise SystemExit(
        f"gradverify's command needs {error.name}; install it with: pip install 'gradverify[cli,report]'"
    ) from error

from ..record.lock import unlock_folders
from . import bench, compare, experiment, report, selftest, variance, verify
from . import list as listing
from .faults import contain_faults, print_anything
from .output import silence
from .signals import INTERRUPTED, stopping

__all__ = ["main"]


_BROKEN_PIPE = 128 + 13
"""The status of a command whose reader has gone, as ``| head``, and that has no verdict; click would give 1."""


class _Commands(click.Group):
    """Commands that end with a status of their own when they are interrupted; click would give 1, a refuted claim's."""

    def invoke(self, ctx: click.Context) -> Any:
        with stopping() as stop:
            try:
                print_anything()
                with contain_faults():
                    return super().invoke(ctx)
            except KeyboardInterrupt:
                with suppress(OSError, ValueError):
                    click.echo("interrupted before there was a report to write", err=True)
                ctx.exit(stop.status(INTERRUPTED))
            except BrokenPipeError:
                silence()
                ctx.exit(_BROKEN_PIPE)
            except SystemExit as error:
                raise SystemExit(stop.status(error.code)) from error
            finally:
                unlock_folders()


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="gradverify")
def main() -> None:
    """The gradcheck for stochastic gradients: unbiased or not, at what variance, at what cost."""


for each in (
    bench.bench,
    compare.compare,
    experiment.experiment,
    verify.verify,
    selftest.selftest,
    variance.variance,
    report.report,
    listing.list_,
):
    main.add_command(each)

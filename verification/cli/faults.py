"""Faults that no command expects: an exit that the user's code asked for, and mistakes of this package."""

from __future__ import annotations

import errno
import os
import sys
import tempfile
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import click

from ...estimators.adapters.locating import describe_error, is_own

__all__ = ["contain_faults", "print_anything"]

_STATUS = 4  # something could not be run; 1 would be a refuted claim


@contextmanager
def contain_faults() -> Iterator[None]:
    """End a command that meets a fault with one sentence and status 4, and keep the traceback in a file."""
    try:
        yield
    except (click.ClickException, click.exceptions.Exit, click.Abort):
        raise
    except SystemExit as error:
        if is_own(error):
            raise
        _stop(f"the code under test ended the command: {describe_error(error)}", error)
    except Exception as error:
        if isinstance(error, OSError) and error.errno == errno.EPIPE:
            raise
        _stop(f"the command met an error that it did not expect: {describe_error(error)}", error)


def print_anything() -> None:
    """Replace symbols that the terminal's encoding lacks, and closed streams, instead of failing on them."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # it was closed; what is opened here takes its descriptor
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
        with suppress(AttributeError, ValueError):  # a stream of a test
            getattr(sys, name).reconfigure(errors="replace")


def _stop(message: str, error: BaseException) -> None:
    kept = _keep("".join(traceback.format_exception(error)))
    click.echo(f"Error: {message}{f'; the traceback is in {kept}' if kept else ''}", err=True)
    click.get_current_context().exit(_STATUS)


def _keep(text: str) -> str:
    """Write a traceback to a new file, and return its path; empty if nothing can be written."""
    try:
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", errors="replace", prefix="gradverify-", suffix=".traceback.txt", delete=False
        ) as file:
            file.write(text)
    except OSError:
        return ""
    return file.name

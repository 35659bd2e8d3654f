"""What ``gradverify verify`` asks of foreign code, and does with it before anything else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from ..foreign.examine import Finding
    from ..plan import Settings

__all__ = ["Stated", "examined", "foreign_options"]

_Command = TypeVar("_Command", bound=Callable[..., Any])

_OPTIONS = (
    click.option(
        "--takes", type=click.Choice(["probs", "logits"]), help="What foreign code takes, if its samples do not tell."
    ),
    click.option(
        "--returns",
        type=click.Choice(["one-hot", "index", "value"]),
        help="What of it is meant, if it returns several; a value is a bit or a count.",
    ),
    click.option(
        "--state",
        type=click.Choice(["cold", "warm"]),
        default="cold",
        show_default=True,
        help="Foreign code that remembers starts as it was loaded, or after some calls.",
    ),
    click.option(
        "--objective",
        type=click.Choice(["discrete", "relaxed"]),
        default="discrete",
        show_default=True,
        help="Whose gradient foreign relaxed samples are held against: the program's, or that of the program relaxed.",
    ),
    click.option(
        "--time-limit",
        type=click.FloatRange(min=0, min_open=True),
        default=600.0,
        show_default=True,
        metavar="SECONDS",
        help="Time that one task of a cell may take.",
    ),
)


@dataclass(frozen=True)
class Stated:
    """What the user says of foreign code.

    Attributes:
        takes: ``probs`` or ``logits``; None: find out.
        returns: ``one-hot``, ``index`` or ``value``; None: find out.
        state: ``cold`` or ``warm``.
        objective: ``discrete`` or ``relaxed``.
        time_limit: Seconds that one task of a cell may take.
    """

    takes: str | None
    returns: str | None
    state: str
    objective: str
    time_limit: float

    @property
    def options(self) -> list[str]:
        """The same as options of the command, but for the time limit, which changes no row."""
        given = {
            "--takes": self.takes,
            "--returns": self.returns,
            "--state": self.state if self.state != "cold" else None,
            "--objective": self.objective if self.objective != "discrete" else None,
        }
        return [word for option, value in given.items() if value for word in (option, value)]


def foreign_options(command: _Command) -> _Command:
    """The options of a command that takes foreign code."""
    for each in reversed(_OPTIONS):
        command = each(command)
    return command


def examined(targets: tuple[str, ...], settings: Settings, stated: Stated) -> tuple[Settings, list[Finding]]:
    """The settings with the conventions of foreign targets, and what was found of each target that is not the package's own.

    One that is wrong in itself, or could be read in several ways, is left out and named on standard error at once; the others
    are judged all the same.

    Raises:
        TargetError: Not one target can be used.
    """
    from ...estimators.adapters import ForeignHints, TargetError
    from ...estimators.registry import ESTIMATORS, names
    from ..foreign.examine import examine, split_batch

    registered = names()
    asked = list(dict.fromkeys(targets or registered))
    foreign = [each for each in asked if each not in ESTIMATORS and (":" in each or split_batch(each)[0] in registered)]
    wanted = ForeignHints(stated.takes or "", stated.returns or "", stated.state, stated.objective)
    findings = examine(foreign, wanted, stated.time_limit)
    if not targets:  # a plug-in that is wrong is not what was asked for, and no wrong usage
        findings = [replace(each, status="failed") if each.status == "refused" else each for each in findings]
    unusable = [each for each in findings if each.status in ("refused", "failed")]
    if unusable and len(unusable) == len(asked):
        raise TargetError("\n".join(each.note for each in unusable))
    for each in unusable:
        click.echo(f"not judged: {each.note}", err=True)
    conventions = tuple((each.target, each.convention) for each in findings if each.convention is not None)
    return replace(settings, conventions=conventions), findings

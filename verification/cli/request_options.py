"""Options of `verify` as options of a command: what stands in the signature is offered, with its type, default and help."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from types import NoneType
from typing import Any, Literal, TypeVar, get_args, get_origin

import click

from ..run.options import OptionSpec

__all__ = ["request_options"]

_Command = TypeVar("_Command", bound=Callable[..., Any])


def request_options(specs: Iterable[OptionSpec]) -> Callable[[_Command], _Command]:
    """Return a decorator that gives a command these options, in this order."""

    def decorate(command: _Command) -> _Command:
        for spec in reversed(list(specs)):
            command = _option(spec)(command)
            if spec.about.former:
                command = _former_option(spec)(command)
        return command

    return decorate


def _option(spec: OptionSpec) -> Callable[[_Command], _Command]:
    kinds = [kind for kind in get_args(spec.kind) if kind is not NoneType] if _is_union(spec.kind) else [spec.kind]
    default = spec.command_default
    shown: dict[str, Any] = {"default": default, "help": spec.about.help, "show_default": default is not None}
    if spec.about.metavar:
        shown["metavar"] = spec.about.metavar
    if bool in kinds:
        flags = f"{spec.flag}/{spec.flag.replace('--', '--no-', 1)}" if default else spec.flag
        return click.option(flags, spec.name, **{**shown, "is_flag": True, "show_default": bool(default)})
    return click.option(spec.flag, spec.name, type=_type(kinds), **shown)


def _former_option(spec: OptionSpec) -> Callable[[_Command], _Command]:
    """Return an option under its former name, which is not shown; it warns, and its value becomes the option's."""
    flag = f"--{spec.about.former.replace('_', '-')}"

    class Former(click.Option):
        def handle_parse_result(self, ctx: click.Context, opts: Any, args: list[str]) -> tuple[Any, list[str]]:
            # Options that were typed are read before those that were not, so the new name is still to come.
            if self.name in opts:
                click.echo(f"{flag} is deprecated; give {spec.flag}", err=True)
                opts[spec.name] = opts.pop(self.name)
            return super().handle_parse_result(ctx, opts, args)

    return click.option(flag, f"former_{spec.name}", cls=Former, hidden=True, expose_value=False)


def _is_union(kind: Any) -> bool:
    return get_origin(kind) is not Literal and bool(get_args(kind))


def _type(kinds: list[Any]) -> Any:
    """Return the type of an option's value; text where several types would do."""
    if Path in kinds:
        return click.Path(path_type=Path, file_okay=False)
    if get_origin(kinds[0]) is Literal:
        return click.Choice(get_args(kinds[0]))
    return kinds[0]

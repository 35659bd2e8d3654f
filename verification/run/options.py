"""The options of `verify`, read from its signature: every door offers the options that stand there."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

__all__ = ["Asked", "Option", "OptionSpec", "read_options"]

_AS_IN_PYTHON = object()


@dataclass(frozen=True, kw_only=True)
class Option:
    """The facts about an option that the doors beside Python need.

    Attributes:
        help: One sentence for the command's help.
        metavar: The placeholder of its value in the command's help.
        command_default: The command line's own default, if it is another than Python's.
        replayed: When the option belongs into the command that repeats a cell: ``never``, because it changes no row; ``set``,
            if it differs from the default; ``always``; or ``foreign``, as ``set`` but for foreign code alone.
        sweeps: True if the option also makes sense where variances are measured and no claim of bias is judged.
        former: The keyword under which the option was known; the command line still takes it, with a warning.
    """

    help: str
    metavar: str = ""
    command_default: Any = _AS_IN_PYTHON
    replayed: Literal["never", "set", "always", "foreign"] = "never"
    sweeps: bool = False
    former: str = ""


@dataclass(frozen=True, kw_only=True)
class OptionSpec:
    """One option of `verify`.

    Attributes:
        name: The keyword; the command line writes hyphens for underscores.
        kind: The type without its `Option`, for example ``int | None``.
        default: The default in Python.
        about: What the doors need to know.
    """

    name: str
    kind: Any
    default: Any
    about: Option

    @property
    def flag(self) -> str:
        """The option as it is typed."""
        return f"--{self.name.replace('_', '-')}"

    @property
    def command_default(self) -> Any:
        """The default of the command line."""
        return self.default if self.about.command_default is _AS_IN_PYTHON else self.about.command_default

    def words(self, value: Any) -> list[str]:
        """Return a value as words of a command line."""
        if isinstance(value, bool):
            return [self.flag if value else self.flag.replace("--", "--no-", 1)]
        return [self.flag, repr(value) if isinstance(value, float) else str(value)]


def read_options(function: Callable[..., Any]) -> Mapping[str, OptionSpec]:
    """Return the options of a function: its keywords that are annotated with an `Option`, in their order."""
    specs = {}
    for name, parameter in inspect.signature(function).parameters.items():
        # The other annotations name types whose modules load PyTorch.
        if parameter.annotation.startswith("Annotated"):
            kind, about = get_args(eval(parameter.annotation, vars(inspect.getmodule(function))))
            specs[name] = OptionSpec(name=name, kind=kind, default=parameter.default, about=about)
    return specs


@dataclass(frozen=True)
class Asked:
    """The options of one call: every option of `verify` with its value.

    Attributes:
        specs: The options of `verify` by name.
        values: Their values by name.
    """

    specs: Mapping[str, OptionSpec]
    values: Mapping[str, Any]

    @classmethod
    def of(cls, specs: Mapping[str, OptionSpec], given: Mapping[str, Any]) -> Asked:
        """Return every option with its value: as given, else its default.

        Raises:
            TypeError: There is no option of a given name.
        """
        unknown = sorted(set(given) - set(specs))
        if unknown:
            raise TypeError(f"verify has no option {unknown[0]!r}; expected one of {', '.join(specs)}")
        return cls(specs, {name: given.get(name, spec.default) for name, spec in specs.items()})

    def __getitem__(self, name: str) -> Any:
        """Return the value of an option."""
        return self.values[name]

    def pick(self, function: Callable[..., Any]) -> dict[str, Any]:
        """Return those options that a function or a dataclass takes."""
        taken = inspect.signature(function).parameters
        return {name: value for name, value in self.values.items() if name in taken}

    def replace(self, **changes: Any) -> Asked:
        """Return the same options with other values for some."""
        return Asked(self.specs, {**self.values, **changes})

    def list_changed(self) -> dict[str, Any]:
        """Return the options that change rows or verdicts and differ from their defaults."""
        replayed = {name for name, spec in self.specs.items() if spec.about.replayed != "never"}
        return {name: value for name, value in self.values.items() if name in replayed and value != self.specs[name].default}

    def words(self, *, foreign: bool) -> list[str]:
        """Return the options that repeat a cell, as words of a command line.

        Args:
            foreign: True for the options that concern foreign code alone, False for the others.
        """
        changed, words = self.list_changed(), []
        for name, spec in self.specs.items():
            moment = spec.about.replayed
            if (moment == "foreign") is foreign and (moment == "always" or name in changed):
                words += spec.words(self.values[name])
        return words

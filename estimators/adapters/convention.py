"""What every kind of convention has in common: how a foreign callable is called, and the errors where it cannot be."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, fields
from typing import Any, ClassVar

from ..protocol import Estimator

__all__ = [
    "CONTRACT",
    "PASSED_WORDS",
    "AmbiguousTargetError",
    "Argument",
    "Contract",
    "Convention",
    "ForeignError",
    "TargetError",
    "UnrecognisedTargetError",
]

Argument = tuple[str, str]
"""Keyword (empty where the argument is positional) and role: what is passed there."""


class TargetError(ValueError):
    """A target names nothing usable; the message says what was given, what was found and what to do."""


class AmbiguousTargetError(TargetError):
    """A foreign callable can be read in several ways; the message names the option that settles it."""


class UnrecognisedTargetError(TargetError):
    """A foreign callable ran, and nothing that it gave back is a sample, a loss or a gradient."""


class ForeignError(RuntimeError):
    """Foreign code broke the convention that was found for it: another shape, or its input changed in place."""


PASSED_WORDS = {"tensors": "", "float32": " in single precision", "arrays": " as NumPy arrays"}

_RECORDED: Mapping[str, Any] = {
    "kind": "",
    "arguments": (),
    "takes": "",
    "returns": "",
    "handed": "",
    "sites": (),
    "item": None,
    "temperature": None,
    "relaxed": False,
    "gradient_path": True,
    "layout": "rows",
    "reduction": "rows",
    "samples": 1,
    "group": 1,
    "detached": False,
    "passed": "tensors",
    "rewards": False,
    "gain": False,
    "right_value": False,
    "evaluations": 1,
    "state": "none",
    "objective": "discrete",
}
"""The keys that every convention has in a record, in order, and what stands there where its kind has no such field."""


@dataclass(frozen=True, repr=False)
class Convention(ABC):
    """How a foreign callable is called; the kinds, one a file, add what it gives back.

    A kind is frozen, can be hashed and pickled, and stands in the table of `probe`. Its dataclass is made with ``repr=False``.

    Attributes:
        kind: Its name in a record: ``estimator``, ``sampler``, ``handed a sample``, ``surrogate loss`` or ``gradient``.
        leaf: The role of the argument that carries the gradient's graph.
        arguments: What is passed to it, in order.
        takes: ``probs`` or ``logits``, or ``log-probabilities`` of whole paths, with their costs; what a count's distribution
            calls its parameter passes for ``probs``.
        item: Which entry of a returned tuple, or which key or field, is meant; None where one thing is returned.
        temperature: What is passed where a temperature is demanded.
        gradient_path: What it returns carries a gradient.
        layout: What one call takes: ``rows`` where that is a batch of parameters; ``vectors`` or ``numbers`` where a sampler
            takes one at a time; ``single`` where it takes one point and draws many samples of it itself.
        detached: Its parameters are handed over without a graph, which it refuses.
        passed: What it is handed: ``tensors`` of the problem's type, ``float32`` tensors, or NumPy ``arrays``.
        state: ``none``, ``cold`` or ``warm``.
        objective: ``discrete`` or ``relaxed``: whose gradient it is held against; stated, never found.
    """

    kind: ClassVar[str]
    leaf: ClassVar[str] = "theta"

    arguments: tuple[Argument, ...] = ()
    takes: str = ""
    _: KW_ONLY
    item: int | str | None = None
    temperature: float | None = None
    gradient_path: bool = True
    layout: str = "rows"
    detached: bool = False
    passed: str = "tensors"
    state: str = "none"
    objective: str = "discrete"

    @property
    def roles(self) -> tuple[str, ...]:
        """What is passed, without the keywords."""
        return tuple(role for _, role in self.arguments)

    @property
    def relaxed(self) -> bool:
        """True if its samples lie between the support's points."""
        return False

    @property
    def group(self) -> int:
        """Rows of one call that are one replicate, because they depend on each other; 1 where they do not."""
        return 1

    @abstractmethod
    def sentence(self) -> str:
        """The convention in words, for a report."""

    @abstractmethod
    def adapt(self, target: Any) -> Estimator:
        """The estimator that calls a target in this way."""

    @abstractmethod
    def trial_call(self) -> dict[str, Any]:
        """What a call in a probe is handed, by role: the probing law, and whatever else this kind asks for."""

    def with_group(self, size: int) -> Convention:
        """The convention with another number of rows that are one replicate."""
        raise TypeError(f"a {self.kind} has no batch whose rows depend on each other; {size} was asked for")

    def to_record(self) -> dict[str, Any]:
        """The convention as a record has it: the keys of every kind, fields that are new with its own, the sentence."""
        return {**self._facts(), "sentence": self.sentence()}

    def __repr__(self) -> str:
        # An adapter's repr enters its seeds, so that this text may never change: it is that of one dataclass for all kinds.
        return f"Convention({', '.join(f'{name}={value!r}' for name, value in self._facts().items())})"

    def _facts(self) -> dict[str, Any]:
        new = {each.name: getattr(self, each.name) for each in fields(self) if each.name not in _RECORDED}
        return {**{name: getattr(self, name, default) for name, default in _RECORDED.items()}, **new}

    def _in_words(self, noun: str, parts: list[str]) -> str:
        """A sentence of what only this kind has, with what every kind has."""
        if self.temperature is not None:
            parts = [*parts, f"temperature {self.temperature:g}"]
        if not self.gradient_path:
            parts = [*parts, "no gradient path"]
        if self.state != "none":
            where = "as it was loaded" if self.state == "cold" else "after some calls"
            parts = [*parts, f"with state, every chunk starting from it {where} ({self.state})"]
        return f"found to be {noun}: {', '.join(parts)}; objective: {self.objective}"


@dataclass(frozen=True, repr=False)
class Contract(Convention):
    """The convention of what keeps the package's own contract: there is none to be found."""

    kind: ClassVar[str] = "estimator"

    def sentence(self) -> str:
        """Nothing."""
        return ""

    def adapt(self, target: Any) -> Estimator:
        """The target."""
        return target  # type: ignore[no-any-return]

    def trial_call(self) -> dict[str, Any]:
        """Nothing: it is never probed."""
        return {}


CONTRACT = Contract()
"""The convention of what keeps the package's own contract."""

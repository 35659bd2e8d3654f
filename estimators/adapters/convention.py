"""The common part of all conventions: how a foreign callable is called, and the errors if it cannot be used."""

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
"""The keyword (empty for a positional argument) and the role of an argument."""


class TargetError(ValueError):
    """A target that cannot be used; the message says what was given, what was expected and what to do."""


class AmbiguousTargetError(TargetError):
    """A foreign callable that fits several conventions; the message names the option that decides."""


class UnrecognisedTargetError(TargetError):
    """A foreign callable whose results cannot be read as samples, losses or gradients."""


class ForeignError(RuntimeError):
    """Foreign code that broke its convention: it returned another shape, or changed its input in place."""


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
"""The keys of every convention in a record, in order, with the values for kinds that have no such field."""

_ADDED: Mapping[str, Any] = {"objective_gradient": "keep", "carries": False, "deterministic": False, "calls": 1}
"""Keys that were added later: they follow the others in a record, and stand in a repr only where they change rows."""

_FOUND = ("carries",)
"""Added keys that only describe what was found, and change no row."""


@dataclass(frozen=True, repr=False)
class Convention(ABC):
    """The way in which a foreign callable is called; each kind of convention adds the way in which its results are read.

    A kind is a frozen dataclass with ``repr=False`` that can be hashed and pickled. A probe in the table of `probe` finds it.

    Attributes:
        kind: The kind's name in a record: ``estimator``, ``sampler``, ``handed a sample``, ``surrogate loss`` or ``gradient``.
        leaf: The role of the argument in which the gradient is taken.
        arguments: The arguments to pass, in order.
        takes: The parameters that it takes: ``probs``, ``logits``, or ``log-probabilities`` of whole paths with their costs.
            For counts, ``probs`` is the parameter of the distribution.
        item: The place of the result in a returned tuple, mapping or dataclass; None if the result is returned alone.
        temperature: The temperature to pass, if one is demanded.
        gradient_path: True if the result carries a gradient.
        layout: The parameters of one call: ``rows`` is a batch; ``vectors`` or ``numbers`` is one at a time, for a sampler;
            ``single`` is one point, of which the callable itself draws many samples.
        detached: True if the parameters are passed without a graph, because the callable refuses one.
        passed: The type of the values passed: ``tensors`` of the problem's type, ``float32`` tensors, or NumPy ``arrays``.
        state: The state from which calls start: ``none``, ``cold`` or ``warm``.
        objective: The program whose gradient decides, ``discrete`` or ``relaxed``; the user states it.
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
        """The roles of the arguments, without the keywords."""
        return tuple(role for _, role in self.arguments)

    @property
    def relaxed(self) -> bool:
        """True if its samples lie between the points of the support."""
        return False

    @property
    def group(self) -> int:
        """The number of rows that are one replicate because they depend on each other; 1 if they are independent."""
        return 1

    @abstractmethod
    def sentence(self) -> str:
        """Describe the convention in one sentence for a report."""

    @abstractmethod
    def adapt(self, target: Any) -> Estimator:
        """Return the estimator that calls a target in this way."""

    @abstractmethod
    def fill_trial(self) -> dict[str, Any]:
        """Return the values to pass in a call that tests for state, by role."""

    def with_group(self, size: int) -> Convention:
        """Return the convention with another number of rows per replicate."""
        raise TypeError(f"{size} rows per replicate were asked for, but the rows of a {self.kind} are independent; use 1")

    def to_record(self) -> dict[str, Any]:
        """Return the convention for a record: the common keys, further fields of its kind, and the sentence."""
        added = {name: getattr(self, name, default) for name, default in _ADDED.items()}
        return {**self._list_facts(), **added, "sentence": self.sentence()}

    def __repr__(self) -> str:
        # The repr of an adapter enters its seeds, so this text must not change: it is the repr of one dataclass for all kinds.
        added = {name: getattr(self, name, default) for name, default in _ADDED.items() if name not in _FOUND}
        facts = self._list_facts() | {name: value for name, value in added.items() if value != _ADDED[name]}
        return f"Convention({', '.join(f'{name}={value!r}' for name, value in facts.items())})"

    def _list_facts(self) -> dict[str, Any]:
        known = {**_RECORDED, **_ADDED}
        new = {field.name: getattr(self, field.name) for field in fields(self) if field.name not in known}
        return {**{name: getattr(self, name, default) for name, default in _RECORDED.items()}, **new}

    def _write_sentence(self, noun: str, parts: list[str]) -> str:
        """Write the sentence: the kind, the parts that only this kind has, and the parts that all kinds have."""
        if self.temperature is not None:
            parts = [*parts, f"temperature {self.temperature:g}"]
        if not self.gradient_path:
            parts = [*parts, f"no gradient path{' beside it' * getattr(self, 'carries', False)}"]
        if self.state != "none":
            start = "as loaded" if self.state == "cold" else "after some calls"
            calls = getattr(self, "calls", 1)
            unit = f"replicate of {calls} calls" if calls > 1 else "chunk"
            parts = [*parts, f"keeps state, and every {unit} starts from the state {start} ({self.state})"]
        return f"found to be {noun}: {', '.join(parts)}; objective: {self.objective}"


@dataclass(frozen=True, repr=False)
class Contract(Convention):
    """The convention of estimators that follow the package's own contract; nothing has to be found."""

    kind: ClassVar[str] = "estimator"

    def sentence(self) -> str:
        """Return an empty string."""
        return ""

    def adapt(self, target: Any) -> Estimator:
        """Return the target."""
        return target  # type: ignore[no-any-return]

    def fill_trial(self) -> dict[str, Any]:
        """Return no values, because an estimator of the contract is never probed."""
        return {}


CONTRACT = Contract()
"""The convention of estimators that follow the package's own contract."""

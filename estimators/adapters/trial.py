"""Trials of foreign code: the form of a call, the values to pass, and one call whose error is recorded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from .calling import call_target, copy_target
from .convention import Argument, Convention, ForeignError
from .hints import ForeignHints
from .locating import describe_error
from .randomness import fork_randomness
from .reading import PROBABILITIES

__all__ = ["FEW_ROWS", "PROBE_ROWS", "RAISED", "TEMPERATURE", "Trial", "make_parameters", "make_samples", "make_temperature"]

PROBE_ROWS = 4096
FEW_ROWS = 64
RAISED = "it raised "
"""The opening of the message for an exception of the foreign code."""

TEMPERATURE = 1.0


@dataclass(frozen=True)
class Trial:
    """A foreign callable and one form of calling it, to be tried by every probe.

    Attributes:
        target: The foreign callable.
        candidates: The arguments to try.
        hints: The facts that the user states.
        keywords: True if the target is a class with ``probs=`` and ``logits=``: both work, and the first is taken.
        layout: The parameters of one call: ``rows``, ``vectors`` or ``numbers``.
        passed: The type of the values passed: ``tensors``, ``float32`` or ``arrays``.
        errors: The errors of the calls so far, in order; every call adds to the list.
    """

    target: Any
    candidates: tuple[tuple[Argument, ...], ...]
    hints: ForeignHints
    keywords: bool = False
    layout: str = "rows"
    passed: str = "tensors"
    errors: list[str] = field(default_factory=list)

    def arguments_for(self, *roles: str) -> Iterator[tuple[Argument, ...]]:
        """Return the candidates that have all of the given roles."""
        return (arguments for arguments in self.candidates if {role for _, role in arguments} >= set(roles))

    def with_form(self, layout: str, passed: str) -> Trial:
        """Return the trial in another form of call."""
        return replace(self, layout=layout, passed=passed)

    def attempt(self, convention: Convention, filled: dict[str, Any]) -> Any:
        """Call a copy of the target once with seeded randomness; record an error and return None if the call raises."""
        generator = torch.Generator().manual_seed(0)
        subject = copy_target(self.target)
        with fork_randomness(generator, subject):
            try:
                return call_target(
                    subject, convention, {"temperature": make_temperature(convention), "generator": generator, **filled}
                )
            except Exception as error:
                own = isinstance(error, ForeignError)
                self.errors.append(str(error) if own else f"{RAISED}{describe_error(error)}")
                return None


def make_temperature(convention: Convention) -> Tensor | None:
    """Return the temperature for a call in a probe."""
    return None if convention.temperature is None else torch.tensor(convention.temperature, dtype=torch.float64)


def make_parameters(takes: str, *, bits: bool = False, rows: int = PROBE_ROWS) -> Tensor:
    """Return `PROBABILITIES` in every row as probabilities or logits, ``[rows, K]``, requiring a gradient."""
    p = torch.tensor(PROBABILITIES, dtype=torch.float64)
    logits = (p / (1 - p)).log() if bits else p.log()
    return (p if takes == "probs" else logits).expand(rows, -1).clone().requires_grad_()


def make_samples(form: str) -> Tensor:
    """Return samples with the law `PROBABILITIES`, in a given form."""
    generator = torch.Generator().manual_seed(1)
    p = torch.tensor(PROBABILITIES, dtype=torch.float64)
    if form == "value":
        return (torch.rand(PROBE_ROWS, len(p), generator=generator, dtype=torch.float64) < p).double()
    index = torch.multinomial(p, PROBE_ROWS, replacement=True, generator=generator)
    return index if form == "index" else torch.nn.functional.one_hot(index, len(p)).double()

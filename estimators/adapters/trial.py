"""Trials of foreign code: the form of a call, the values to pass, and one call whose error is recorded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .calling import call_target
from .convention import Argument, Convention, ForeignError
from .copying import copy_target
from .hints import ForeignHints
from .locating import describe_error
from .own_generators import find_generators, get_generator_state
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

    def attempt(self, convention: Convention, filled: dict[str, Any], seed: int = 0) -> Any:
        """Call a copy of the target once with seeded randomness; record an error and return None if the call raises."""
        generator = torch.Generator().manual_seed(seed)
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

    def draws_nothing(self, convention: Convention, filled: dict[str, Any]) -> bool:
        """Return True if a call leaves all random state as it was, so that its result is no random number."""
        generator = torch.Generator().manual_seed(0)
        subject = copy_target(self.target)
        own = find_generators(subject)
        with fork_randomness(generator, subject):
            before = _list_states(generator, own)
            try:
                call_target(
                    subject, convention, {"temperature": make_temperature(convention), "generator": generator, **filled}
                )
            except Exception:
                return False
            return before == _list_states(generator, own)


def _list_states(generator: torch.Generator, own: list[Any]) -> list[str]:
    """Return the states of the generators that foreign code can draw from, as text that can be compared.

    Python's own is left out, because run-time type checkers draw from it.
    """
    tensors = [torch.get_rng_state(), generator.get_state()]
    states = [bytes(state.numpy()).hex() for state in tensors]
    numpy = np.random.get_state(legacy=False)["state"]
    return [*states, repr((numpy["pos"], numpy["key"].tolist())), *map(_read_state, own)]


def _read_state(generator: Any) -> str:
    state = get_generator_state(generator)
    return bytes(state.numpy()).hex() if isinstance(state, Tensor) else repr(state)


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

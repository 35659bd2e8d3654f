"""A trial of foreign code: the form of a call, what it is handed, and one call whose error is kept."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from .calling import answer, fresh
from .convention import Argument, Convention
from .hints import ForeignHints
from .randomness import forked
from .reading import PROBABILITIES

__all__ = ["FEW_ROWS", "PROBE_ROWS", "TEMPERATURE", "Trial", "feed", "handed_sample", "heat_of"]

PROBE_ROWS = 4096
FEW_ROWS = 64
TEMPERATURE = 1.0

_INVITATION = "(Could this error message be improved?"  # PyTorch's, to write to its own authors


@dataclass(frozen=True)
class Trial:
    """One form of calling a foreign callable, to be tried by every probe.

    Attributes:
        target: The foreign callable.
        candidates: Arguments to try.
        hints: What its user states.
        keywords: It is a class with ``probs=`` and ``logits=``: both are right, and the first will do.
        layout: ``rows``, ``vectors`` or ``numbers``: what one call takes.
        passed: ``tensors``, ``float32`` or ``arrays``: what it is handed.
        errors: What calls raised, in order; every call adds to it.
    """

    target: Any
    candidates: tuple[tuple[Argument, ...], ...]
    hints: ForeignHints
    keywords: bool = False
    layout: str = "rows"
    passed: str = "tensors"
    errors: list[str] = field(default_factory=list)

    def arguments_for(self, *roles: str) -> Iterator[tuple[Argument, ...]]:
        """The candidates that have all of these roles."""
        return (each for each in self.candidates if {role for _, role in each} >= set(roles))

    def in_form(self, layout: str, passed: str) -> Trial:
        """The same callable in another form of call."""
        return replace(self, layout=layout, passed=passed)

    def attempt(self, convention: Convention, filled: dict[str, Any]) -> Any:
        """One call on a copy of the target, its randomness seeded; what it raises is noted, and gives None."""
        generator = torch.Generator().manual_seed(0)
        subject = fresh(self.target)
        with forked(generator, subject):
            try:
                return answer(subject, convention, {"temperature": heat_of(convention), "generator": generator, **filled})
            except Exception as error:
                said = str(error).partition(_INVITATION)[0].rstrip()
                self.errors.append(f"a call raised {type(error).__name__}: {said}"[:200])
                return None


def heat_of(convention: Convention) -> Tensor | None:
    """The temperature that a call in a probe is handed."""
    return None if convention.temperature is None else torch.tensor(convention.temperature, dtype=torch.float64)


def feed(takes: str, *, bits: bool = False, rows: int = PROBE_ROWS) -> Tensor:
    """`PROBABILITIES` in every row, as what the convention takes, ``[rows, K]``, requiring a gradient."""
    p = torch.tensor(PROBABILITIES, dtype=torch.float64)
    logits = (p / (1 - p)).log() if bits else p.log()
    return (p if takes == "probs" else logits).expand(rows, -1).clone().requires_grad_()


def handed_sample(form: str) -> Tensor:
    """Samples with the law `PROBABILITIES`, in the form asked for."""
    generator = torch.Generator().manual_seed(1)
    p = torch.tensor(PROBABILITIES, dtype=torch.float64)
    if form == "value":
        return (torch.rand(PROBE_ROWS, len(p), generator=generator, dtype=torch.float64) < p).double()
    index = torch.multinomial(p, PROBE_ROWS, replacement=True, generator=generator)
    return index if form == "index" else torch.nn.functional.one_hot(index, len(p)).double()

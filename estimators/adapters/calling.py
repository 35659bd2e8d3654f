"""One call of a foreign callable: its arguments filled by role, its state kept apart."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..protocol import Claims
from .answers import drawn, entries, stacked
from .convention import Convention, ForeignError
from .roles import CONSTANTS

__all__ = ["answer", "declared_claims", "fresh"]


def answer(target: Any, convention: Convention, filled: Mapping[str, Any]) -> Any:
    """Call a foreign callable once, or once a row where it takes one vector or one number.

    What it gives back is sampled if it is a distribution (has ``rsample``). The parameters that it is handed are a copy, so
    that a change in place cannot reach the caller's tensors.

    Args:
        target: The callable, class or autograd Function.
        convention: Its arguments.
        filled: Role -> what is passed; tensors ``[rows, ...]`` in every role that has one value a row.

    Raises:
        ForeignError: It changed what it was handed in place, or rows came in different shapes.
    """
    if convention.layout not in ("vectors", "numbers"):
        return _called(target, convention, filled)
    shape = filled["theta"].shape
    if convention.layout == "numbers":
        filled = {role: each.reshape(-1) if _is_batch(each, shape) else each for role, each in filled.items()}
    rows = _rows(filled)
    first = _called(target, convention, next(rows))
    if not entries(first):
        raise ForeignError(f"it returned a {type(first).__name__}; expected a tensor, an array or a number")
    made = stacked([first, *(_called(target, convention, row) for row in rows)])
    return {place: each.reshape(shape) for place, each in made.items()} if convention.layout == "numbers" else made


def declared_claims(target: Any) -> Claims:
    """What foreign code declares, or that it is unbiased where it declares nothing."""
    declared = getattr(target, "claims", None)
    return declared if isinstance(declared, Claims) else Claims()


def fresh(target: Any) -> Any:
    """A copy of a callable with its state, so that no call sees what another left behind.

    Functions are their own copies, and so is what refuses to be copied; state that is kept there shows as a result that
    cannot be repeated.
    """
    if inspect.isclass(target) or (inspect.isroutine(target) and not inspect.ismethod(target)):
        return target
    try:
        return copy.deepcopy(target)
    except Exception:
        return target


def _called(target: Any, convention: Convention, filled: Mapping[str, Any]) -> Any:
    """One call, its parameters compared with what they were before."""
    handed = {**CONSTANTS, **{role: _handed(each, role, convention) for role, each in filled.items()}}
    positional = [handed[role] for name, role in convention.arguments if not name]
    named = {name: handed[role] for name, role in convention.arguments if name}
    called = target.apply if _is_function(target) else target
    given = drawn(called(*positional, **named))
    if "theta" in filled and not _alike(handed["theta"], filled["theta"]):
        raise ForeignError(f"it changed the {convention.takes or 'parameters'} that it was handed, in place; copy them first")
    return given


def _alike(handed: Any, before: Tensor) -> bool:
    if isinstance(handed, Tensor):
        return torch.equal(handed.detach(), before.detach().to(handed.dtype))
    return bool(np.array_equal(handed, before.detach().cpu().numpy()))


def _handed(value: Any, role: str, convention: Convention) -> Any:
    """A tensor in the type that is taken, the parameters copied; anything else as it is."""
    if not isinstance(value, Tensor):
        return value
    if convention.passed == "arrays":
        return value.detach().cpu().numpy().copy()
    if convention.passed == "float32" and value.is_floating_point():
        value = value.float()
    if role != "theta":
        return value
    # A clone keeps the graph, which an in-place change would spoil for the caller.
    return value.detach().clone() if convention.detached else value.clone()


def _is_function(target: Any) -> bool:
    return inspect.isclass(target) and issubclass(target, torch.autograd.Function)


def _is_batch(value: Any, shape: torch.Size) -> bool:
    return isinstance(value, Tensor) and value.shape == shape


def _rows(filled: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """What every row is handed of a batch."""
    count = len(filled["theta"])
    # Unbound at once: the derivative of an index is as large as what is indexed, for every row.
    parts = {
        role: each.unbind() if isinstance(each, Tensor) and each.dim() > 0 and len(each) == count else [each] * count
        for role, each in filled.items()
    }
    return ({role: each[row] for role, each in parts.items()} for row in range(count))

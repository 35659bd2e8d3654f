"""One call of a foreign callable: its arguments are filled by role, and its state is kept apart."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..protocol import Claims
from .answers import find_tensors, sample_distribution, stack_answers
from .convention import Convention, ForeignError
from .roles import CONSTANTS

__all__ = ["call_target", "read_claims"]


def call_target(target: Any, convention: Convention, filled: Mapping[str, Any]) -> Any:
    """Call a foreign callable once, or once per row if it takes one vector or one number.

    If it returns a distribution (an object with ``rsample``), a sample is drawn from it. The callable is handed a copy of the
    parameters, so that a change in place cannot reach the caller's tensors.

    Args:
        target: The callable, class or autograd Function.
        convention: The convention that it follows.
        filled: Role -> the value to pass; a role with one value per row has a tensor ``[rows, ...]``.

    Raises:
        ForeignError: The callable changed its parameters in place, or returned different shapes for different rows.
    """
    if convention.layout not in ("vectors", "numbers"):
        return _call(target, convention, filled)
    shape = filled["theta"].shape
    if convention.layout == "numbers":
        filled = {role: value.reshape(-1) if _is_batch(value, shape) else value for role, value in filled.items()}
    rows = _split_rows(filled)
    first = _call(target, convention, next(rows))
    if not find_tensors(first):
        raise ForeignError(f"it returned a {type(first).__name__}; expected a tensor, an array or a number")
    batch = stack_answers([first, *(_call(target, convention, row) for row in rows)])
    return {place: tensor.reshape(shape) for place, tensor in batch.items()} if convention.layout == "numbers" else batch


def read_claims(target: Any) -> Claims:
    """Return the claims that foreign code declares; unbiased if it declares none."""
    declared = getattr(target, "claims", None)
    return declared if isinstance(declared, Claims) else Claims()


def _call(target: Any, convention: Convention, filled: Mapping[str, Any]) -> Any:
    """Call a target once, and check that it left its parameters unchanged."""
    handed = {**CONSTANTS, **{role: _convert(value, role, convention) for role, value in filled.items()}}
    positional = [handed[role] for name, role in convention.arguments if not name]
    named = {name: handed[role] for name, role in convention.arguments if name}
    function = target.apply if _is_function(target) else target
    given = sample_distribution(function(*positional, **named))
    if "theta" in filled and not _is_unchanged(handed["theta"], filled["theta"]):
        raise ForeignError(f"it changed the {convention.takes or 'parameters'} that it was handed, in place; copy them first")
    return given


def _is_unchanged(handed: Any, before: Tensor) -> bool:
    if isinstance(handed, Tensor):
        return torch.equal(handed.detach(), before.detach().to(handed.dtype))
    return bool(np.array_equal(handed, before.detach().cpu().numpy()))


def _convert(value: Any, role: str, convention: Convention) -> Any:
    """Convert a tensor to the type that the target takes, and copy the parameters; return any other value as it is."""
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


def _split_rows(filled: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the values of one row after another."""
    count = len(filled["theta"])
    # Unbind once: the derivative of an index is as large as the tensor that is indexed, for every row.
    parts = {
        role: value.unbind() if isinstance(value, Tensor) and value.dim() > 0 and len(value) == count else [value] * count
        for role, value in filled.items()
    }
    return ({role: values[row] for role, values in parts.items()} for row in range(count))

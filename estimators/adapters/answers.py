"""The tensors in an answer of foreign code: a tensor, a tuple, a mapping, a dataclass or a distribution."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .convention import Convention, ForeignError

__all__ = ["Place", "find_tensors", "pick_tensor", "sample_distribution", "stack_answers"]

Place = int | str | None
"""The place of a tensor in an answer: its index in a tuple, its key or its field; None if the tensor is the whole answer."""


def find_tensors(given: Any) -> list[tuple[Place, Tensor]]:
    """Return the tensors of an answer with their places; arrays and numbers count as tensors.

    Example:
        >>> find_tensors((torch.ones(2), "noise", 3))
        [(0, tensor([1., 1.])), (2, tensor(3))]
    """
    whole = _as_tensor(given)
    if whole is not None:
        return [(None, whole)]
    named = [(place, _as_tensor(value)) for place, value in _list_parts(given)]
    return [(place, tensor) for place, tensor in named if tensor is not None]


def pick_tensor(given: Any, convention: Convention) -> Tensor:
    """Return the tensor that a convention names.

    Raises:
        ForeignError: The answer has no such tensor.
    """
    tensor = dict(find_tensors(given)).get(convention.item)
    if tensor is None:
        raise ForeignError(f"it returned a {type(given).__name__}; expected a tensor, as when it was probed")
    return tensor


def stack_answers(answers: list[Any]) -> dict[Place, Tensor]:
    """Stack the answers for single rows into the tensors of a batch, by their place.

    Raises:
        ForeignError: The answers differ in shape.
    """
    rows = [dict(find_tensors(given)) for given in answers]
    try:
        return {place: torch.stack([row[place] for row in rows]) for place in rows[0]}
    except (KeyError, RuntimeError) as error:
        raise ForeignError("it returned different shapes for different rows; return the same shape for every row") from error


def sample_distribution(given: Any) -> Any:
    """Draw a sample if the answer is a distribution; otherwise return the answer."""
    if isinstance(given, Tensor) or not any(callable(getattr(given, name, None)) for name in ("rsample", "sample")):
        return given
    try:
        return _call(given.rsample if hasattr(given, "rsample") else given.sample)
    except NotImplementedError:  # PyTorch raises this where a distribution has no reparametrised sample
        return _call(given.sample)


def _call(draw: Any) -> Any:
    """Draw one sample, with an empty shape if the method demands a shape."""
    try:
        inspect.signature(draw).bind()
    except TypeError:
        return draw(torch.Size())
    return draw()


def _list_parts(given: Any) -> list[tuple[Place, Any]]:
    """Return the parts of a tuple, a mapping or a dataclass, with their places."""
    if isinstance(given, Mapping):
        return list(given.items())
    if isinstance(given, tuple | list):
        return list(enumerate(given))
    if dataclasses.is_dataclass(given) and not isinstance(given, type):
        return [(field.name, getattr(given, field.name)) for field in dataclasses.fields(given)]
    return []


def _as_tensor(value: Any) -> Tensor | None:
    """Return a tensor, an array, a number or a list of numbers as a tensor; None for anything else."""
    if isinstance(value, Tensor):
        return value
    if isinstance(value, np.ndarray | np.generic) and value.dtype.kind in "biuf":
        return torch.as_tensor(np.array(value))
    if isinstance(value, bool | int | float):
        return torch.tensor(value, dtype=torch.float64 if isinstance(value, float) else None)
    if isinstance(value, list) and value and all(isinstance(number, bool | int | float) for number in value):
        return torch.tensor(value, dtype=torch.float64)
    return None

"""What foreign code gives back, as tensors: one, or those of a tuple, a mapping, a dataclass or a distribution."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .convention import Convention, ForeignError

__all__ = ["Place", "drawn", "entries", "entry", "stacked"]

Place = int | str | None
"""Where a tensor stands in an answer: its number in a tuple, its key or field; None where it is the answer itself."""


def entries(given: Any) -> list[tuple[Place, Tensor]]:
    """The tensors of an answer, each with its place; arrays and numbers count as tensors.

    Example:
        >>> entries((torch.ones(2), "noise", 3))
        [(0, tensor([1., 1.])), (2, tensor(3))]
    """
    whole = _tensor(given)
    if whole is not None:
        return [(None, whole)]
    named = [(place, _tensor(each)) for place, each in _places(given)]
    return [(place, tensor) for place, tensor in named if tensor is not None]


def entry(given: Any, convention: Convention) -> Tensor:
    """The tensor that is meant.

    Raises:
        ForeignError: There is none.
    """
    found = dict(entries(given)).get(convention.item)
    if found is None:
        raise ForeignError(f"it returned a {type(given).__name__}; expected a tensor, as it returned when it was probed")
    return found


def stacked(answers: list[Any]) -> dict[Place, Tensor]:
    """Answers of one row each as one: the tensors of a batch by their place.

    Raises:
        ForeignError: They differ in shape.
    """
    rows = [dict(entries(each)) for each in answers]
    try:
        return {place: torch.stack([row[place] for row in rows]) for place in rows[0]}
    except (KeyError, RuntimeError) as error:
        raise ForeignError("it returned another shape for one row than for another") from error


def drawn(given: Any) -> Any:
    """A sample where a distribution was returned, else what was returned."""
    if isinstance(given, Tensor) or not any(callable(getattr(given, name, None)) for name in ("rsample", "sample")):
        return given
    try:
        return _called(given.rsample if hasattr(given, "rsample") else given.sample)
    except NotImplementedError:  # torch's way to say that a distribution has no reparametrised sample
        return _called(given.sample)


def _called(draw: Any) -> Any:
    try:
        inspect.signature(draw).bind()
    except TypeError:
        return draw(torch.Size())
    return draw()


def _places(given: Any) -> list[tuple[Place, Any]]:
    if isinstance(given, Mapping):
        return list(given.items())
    if isinstance(given, tuple | list):
        return list(enumerate(given))
    if dataclasses.is_dataclass(given) and not isinstance(given, type):
        return [(each.name, getattr(given, each.name)) for each in dataclasses.fields(given)]
    return []


def _tensor(value: Any) -> Tensor | None:
    """A tensor, an array, a number, or a list of numbers, as a tensor."""
    if isinstance(value, Tensor):
        return value
    if isinstance(value, np.ndarray | np.generic) and value.dtype.kind in "biuf":
        return torch.as_tensor(np.array(value))
    if isinstance(value, bool | int | float):
        return torch.tensor(value, dtype=torch.float64 if isinstance(value, float) else None)
    if isinstance(value, list) and value and all(isinstance(each, bool | int | float) for each in value):
        return torch.tensor(value, dtype=torch.float64)
    return None

"""Results of tasks as text and back: data alone, so that no file can make a run execute anything.

A result is written by its declared fields and read by them: a file that holds another field, another type or a number out of
place is refused. Numbers come back bit by bit.
"""

from __future__ import annotations

import base64
import json
import types
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import numpy as np

from ..checks.catalogue import CELL_CHECKS, Finding
from .tasks import CheckResult, ChunkResult

__all__ = ["DamagedAnswerError", "read_answer", "write_answer"]

_SCALARS = (bool, int, float, str)


class DamagedAnswerError(ValueError):
    """A text is not what `write_answer` writes."""


def write_answer(result: CheckResult | ChunkResult) -> str:
    """Write the result of a task as JSON.

    Raises:
        TypeError: It holds something that is no data, such as a finding whose type no check declares.
    """
    return json.dumps(_write(result, CheckResult | ChunkResult))


def read_answer(text: str) -> CheckResult | ChunkResult:
    """Read the result of a task.

    Raises:
        DamagedAnswerError: The text is not what `write_answer` writes.
    """
    try:
        result: CheckResult | ChunkResult = _read(json.loads(text), CheckResult | ChunkResult)
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError) as error:
        raise DamagedAnswerError(f"{error}; expected the result of a task as a journal keeps it") from error
    return result


def _resolve_fields(kind: Any) -> dict[str, Any]:
    hints = get_type_hints(kind)
    return {each.name: hints[each.name] for each in fields(kind)}


_list_fields: Callable[[Any], dict[str, Any]] = cache(_resolve_fields)
"""The declared types of a dataclass's fields by name; to resolve annotations takes longer than to write a value."""


def _list_choices(declared: Any) -> tuple[Any, ...]:
    """Return the types that a declared type allows; one alone for a type that is no union."""
    if declared is Finding:
        return tuple(dict.fromkeys(check.finding for check in CELL_CHECKS))
    return get_args(declared) if get_origin(declared) in (Union, types.UnionType) else (declared,)


def _write(value: Any, declared: Any) -> Any:
    """Write a value that has a declared type."""
    if isinstance(value, np.generic):
        value = value.item()
    for kind in _list_choices(declared):
        if isinstance(kind, type) and is_dataclass(kind) and type(value) is kind:
            written = {name: _write(getattr(value, name), hint) for name, hint in _list_fields(kind).items()}
            return {"type": kind.__name__, "fields": written}
        origin, inner = get_origin(kind) or kind, get_args(kind)
        if origin is np.ndarray and isinstance(value, np.ndarray):
            packed = base64.b64encode(np.ascontiguousarray(value).tobytes()).decode("ascii")
            return {"shape": list(value.shape), "dtype": _name_dtype(kind), "data": packed}
        if origin in (tuple, list) and isinstance(value, origin):
            return [_write(each, hint) for each, hint in zip(value, _list_inner(origin, inner, len(value)), strict=True)]
        if origin is Mapping and isinstance(value, Mapping):
            return {str(name): _write(each, inner[1]) for name, each in value.items()}
        if kind is bytes and isinstance(value, bytes):
            return value.hex()
        if kind is float and type(value) is int:
            return float(value)
        if _is_scalar(value, kind):
            return value
    raise TypeError(f"{type(value).__name__} where {declared} is declared; a result holds data of its declared types alone")


def _read(value: Any, declared: Any) -> Any:
    """Read a value of a declared type."""
    for kind in _list_choices(declared):
        if isinstance(kind, type) and is_dataclass(kind):
            if isinstance(value, dict) and value.get("type") == kind.__name__ and set(value) == {"type", "fields"}:
                return _read_fields(value["fields"], kind)
            continue
        origin, inner = get_origin(kind) or kind, get_args(kind)
        if origin is np.ndarray and isinstance(value, dict):
            return _read_array(value, kind)
        if origin in (tuple, list) and isinstance(value, list):
            return origin(_read(each, hint) for each, hint in zip(value, _list_inner(origin, inner, len(value)), strict=True))
        if origin is Mapping and isinstance(value, dict):
            return {name: _read(each, inner[1]) for name, each in value.items()}
        if kind is bytes and isinstance(value, str):
            return bytes.fromhex(value)
        if _is_scalar(value, kind):
            return value
    raise ValueError(f"{str(value)[:40]!r} where {declared} is declared")


def _read_fields(value: Any, kind: Any) -> Any:
    declared = _list_fields(kind)
    if not isinstance(value, dict) or set(value) != set(declared):
        raise ValueError(f"{kind.__name__} has the fields {', '.join(declared)}")
    return kind(**{name: _read(value[name], hint) for name, hint in declared.items()})


def _read_array(value: Mapping[str, Any], kind: Any) -> np.ndarray[Any, Any]:
    shape, dtype = tuple(value["shape"]), value["dtype"]
    if dtype != _name_dtype(kind) or not all(type(each) is int and each >= 0 for each in shape):
        raise ValueError(f"an array of type {dtype!r} and shape {shape}; expected {_name_dtype(kind)}")
    numbers = np.frombuffer(base64.b64decode(value["data"], validate=True), dtype=_name_dtype(kind))
    return numbers.reshape(shape).copy()


def _name_dtype(kind: Any) -> str:
    """Return the name of the number type of ``NDArray[...]``."""
    (number,) = get_args(get_args(kind)[1])
    return str(np.dtype(number))


def _list_inner(origin: type, inner: tuple[Any, ...], length: int) -> tuple[Any, ...]:
    """Return the declared types of the elements of a tuple or a list of a length."""
    if origin is list:
        return inner * length
    return inner[:1] * length if inner[1:] == (Ellipsis,) else inner


def _is_scalar(value: Any, kind: Any) -> bool:
    """True if a plain value has a declared type. An integer is no number of type float, and True is no integer."""
    if get_origin(kind) is Literal:
        return value in get_args(kind)
    if kind is type(None):
        return value is None
    return kind in _SCALARS and type(value) is kind

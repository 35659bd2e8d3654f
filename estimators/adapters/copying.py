"""Copies of foreign code with its state: the fields of objects, and the variables that functions close over or write."""

from __future__ import annotations

import copy
import dis
import inspect
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from types import CellType, CodeType, FunctionType
from typing import Any

import numpy as np
import torch

from .own_generators import is_generator

__all__ = ["copy_target"]

_STATE = (dict, list, set, bytearray, deque, torch.nn.Module)
_MOST_ELEMENTS = 10**6  # a larger tensor is data, not state


def copy_target(target: Any) -> Any:
    """Copy a callable with its state, so that no call sees the state that another call left behind.

    An object is copied with its fields. A function is copied with the variables of its closure, its attributes and defaults,
    and the global variables of its module that it reads and that can change, as far as functions of its module reach. A class,
    a function without such state and an object that cannot be copied are returned as they are. If such a callable keeps state,
    its results cannot be repeated, and the checks report that.
    """
    if inspect.isclass(target):
        return target
    try:
        function = target.func if isinstance(target, partial) else target
        if isinstance(function, FunctionType):
            copier = _Copier(function.__module__)
            copied = copier.copy(target)
            return copied if copier.found else target
        if inspect.isroutine(target) and not inspect.ismethod(target):
            return target
        return copy.deepcopy(target)
    except Exception:
        return target


class _Copier:
    """Copies of everything that one function can reach in its module and change.

    Attributes:
        found: True if some of it is state; otherwise the copy is not needed.
    """

    def __init__(self, home: str) -> None:
        self.found = False
        self._home = home
        self._made: dict[int, Any] = {}
        self._kept: list[Any] = []  # the references keep other objects from taking these ids

    def copy(self, value: Any) -> Any:
        """Return the copy of a value, or the value if it holds no state."""
        if id(value) in self._made:
            return self._made[id(value)]
        if isinstance(value, FunctionType):
            return self._copy_function(value) if value.__module__ == self._home else value
        if isinstance(value, partial):
            named = {name: self.copy(each) for name, each in value.keywords.items()}
            return partial(self.copy(value.func), *map(self.copy, value.args), **named)
        if not self._is_state(value):
            return value
        try:
            made = copy.deepcopy(value)
        except Exception:
            return value
        self.found = True
        return self._keep(value, made)

    def _keep(self, value: Any, made: Any) -> Any:
        self._kept.append(value)
        self._made[id(value)] = made
        return made

    def _copy_function(self, function: FunctionType) -> FunctionType:
        """Return the copy of a function; functions of one module share the copy of their global variables."""
        codes = list(_list_codes(function.__code__))
        stored = [
            (op.opname, op.argval) for code in codes for op in dis.get_instructions(code) if op.opname.startswith("STORE_")
        ]
        names, cells = function.__code__.co_freevars, function.__closure__ or ()
        closure = tuple(self._make_cell(cell) for cell in cells)
        shared = function.__globals__
        scope = self._made[id(shared)] if id(shared) in self._made else self._keep(shared, dict(shared))
        made = self._keep(function, FunctionType(function.__code__, scope, function.__name__, function.__defaults__, closure))
        made.__qualname__, made.__module__, made.__doc__ = function.__qualname__, function.__module__, function.__doc__
        self.found |= bool(function.__dict__) or any(
            kind == "STORE_GLOBAL" or (kind == "STORE_DEREF" and name in names) for kind, name in stored
        )
        self._fill(function, made, cells)
        for name in {name for code in codes for name in code.co_names if name in shared}:
            scope[name] = self.copy(shared[name])
        return made  # type: ignore[no-any-return]

    def _make_cell(self, cell: CellType) -> CellType:
        """Return an empty cell in place of another; functions that share a cell share its copy."""
        return self._made[id(cell)] if id(cell) in self._made else self._keep(cell, CellType())  # type: ignore[no-any-return]

    def _fill(self, function: FunctionType, made: FunctionType, cells: tuple[CellType, ...]) -> None:
        """Copy the closure, the defaults and the attributes, after the copy of the function is known, as it may hold itself."""
        for cell, new in zip(cells, made.__closure__ or (), strict=True):
            with suppress(ValueError):  # the name is bound later
                new.cell_contents = self.copy(cell.cell_contents)
        made.__defaults__ = tuple(map(self.copy, function.__defaults__)) if function.__defaults__ else None
        made.__kwdefaults__ = {name: self.copy(each) for name, each in (function.__kwdefaults__ or {}).items()}
        made.__dict__.update({name: self.copy(each) for name, each in function.__dict__.items()})

    def _is_state(self, value: Any) -> bool:
        """Return True for values that a call can change; generators are seeded for every call, and are left."""
        if is_generator(value) or inspect.isclass(value) or inspect.isroutine(value) or inspect.ismodule(value):
            return False
        if isinstance(value, torch.Tensor | np.ndarray):
            return int(np.prod(value.shape)) <= _MOST_ELEMENTS
        return isinstance(value, _STATE) or type(value).__module__ == self._home


def _list_codes(code: CodeType) -> Iterator[CodeType]:
    """Yield a code object and those of the functions inside it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _list_codes(constant)

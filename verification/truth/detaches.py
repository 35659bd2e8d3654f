"""Places at which a program cuts its objective off from automatic differentiation."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from ...estimators.protocol import evaluate, row_leaf
from ...estimators.runs.tape import sampling
from ..problems.problem import Problem

__all__ = ["find_detaches"]

_ROWS = 4
_LEAVING = frozenset({"detach", "detach_", "item", "tolist", "numpy", "__array__", "__float__", "__int__"})
_ASKING = frozenset({"__get__", "size", "dim", "__len__", "numel", "is_floating_point", "expand"})
_OURS = Path(__file__).parents[2]
_DISPATCH = ("_tensor.py", "overrides.py", "_jit_internal.py", "detaches.py")
_PROGRAMS = ("problems",)


def find_detaches(problem: Problem) -> tuple[str, ...]:
    """Return the places, as ``file.py:line``, at which a program takes a value off the graph of its parameters.

    Such a place is a call of ``detach``, ``.data``, ``item`` or the like on a tensor that depends on the parameters, or any
    operation on one while gradients are switched off. NumPy and compiled code are not seen. The list is empty if the program
    does not run.

    Args:
        problem: The problem; its program is run once, on four rows.
    """
    watch = _DetachWatch()
    try:
        leaf = row_leaf(problem.params.cpu(), _ROWS)
        with watch:
            evaluate(problem.program, leaf, sampling(_ROWS, torch.Generator().manual_seed(0)))
    except Exception:
        return ()
    return tuple(dict.fromkeys(watch.places))


class _DetachWatch(TorchFunctionMode):
    """A context that notes where tensors leave their graph."""

    def __init__(self) -> None:
        super().__init__()
        self.places: list[str] = []

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Call a function of PyTorch, and note the place if it drops a dependence on the parameters."""
        named = getattr(func, "__name__", "")
        leaves = named in _LEAVING or (named == "__get__" and getattr(func, "__self__", None) is Tensor.data)
        computes = not torch.is_grad_enabled() and named not in _ASKING
        if (leaves or computes) and any(isinstance(each, Tensor) and each.requires_grad for each in args[:2]):
            place = _place_of(sys._getframe(1))
            self.places += [place] if place else []
        return func(*args, **(kwargs or {}))


def _place_of(frame: FrameType | None) -> str:
    """Return the calling line if it is a program's own; empty if it lies within PyTorch or this package."""
    torch_home = Path(torch.__file__).parent
    while frame is not None and Path(frame.f_code.co_filename).name in _DISPATCH:
        frame = frame.f_back
    if frame is None:
        return ""
    file = Path(frame.f_code.co_filename)
    if file.is_relative_to(torch_home) or (file.is_relative_to(_OURS) and not set(_PROGRAMS) & set(file.parts)):
        return ""
    return f"{file.name}:{frame.f_lineno}"

"""The state that all estimators of a process share. A call that changes some of it is named, and the state is restored.

An estimator may leave gradient mode off, replace a function of PyTorch, or write into the parameters that it is handed. The
rows of other estimators must not change by a bit for that, and the reader must learn whose code it was.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from operator import is_
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..estimators.protocol import Estimator, Program

__all__ = ["call_estimator", "kept_state"]


@dataclass(frozen=True)
class _Setting:
    """A setting of the process: its name for a reader, and how it is read and written."""

    name: str
    read: Callable[[], Any]
    write: Callable[[Any], object]


_SETTINGS = (
    _Setting("gradient mode", torch.is_grad_enabled, torch.set_grad_enabled),
    _Setting("the default floating type", torch.get_default_dtype, torch.set_default_dtype),
    _Setting("the number of threads", torch.get_num_threads, torch.set_num_threads),
    _Setting("deterministic algorithms", torch.are_deterministic_algorithms_enabled, torch.use_deterministic_algorithms),
    _Setting("anomaly detection", torch.is_anomaly_enabled, torch.autograd.set_detect_anomaly),
    _Setting("NumPy's handling of floating-point errors", np.geterr, lambda kept: np.seterr(**kept)),
)

# Global generators are put back without a word here: conformance reports their use. Python's is drawn from by type checkers.
_GENERATORS = (
    _Setting("PyTorch", torch.random.get_rng_state, torch.random.set_rng_state),
    _Setting("NumPy", np.random.get_state, np.random.set_state),
    _Setting("Python", random.getstate, random.setstate),
)

_ABSENT = object()

_WRITTEN = 1e-3
"""A change of a parameter, in parts of one and of its size, that no rounding explains.

Some methods move the parameters in place and move them back, in single precision too; this leaves rounding and is no fault.
"""


@contextmanager
def kept_state() -> Iterator[list[str]]:
    """Restore the shared state of the process at the end of the block, however it ends.

    It covers PyTorch's and NumPy's settings, the functions of PyTorch, of its distributions and of NumPy, and the three global
    generators. It takes about half a millisecond.

    Yields:
        A list that holds, after the block, the names of the settings and functions that the block had left changed.
    """
    settings = [setting.read() for setting in _SETTINGS]
    generators = [generator.read() for generator in _GENERATORS]
    functions = [vars(namespace).copy() for namespace in _watched_namespaces()]
    changed: list[str] = []
    try:
        yield changed
    finally:
        for setting, kept in zip(_SETTINGS, settings, strict=True):
            if setting.read() != kept:
                setting.write(kept)
                changed.append(setting.name)
        for namespace, before in zip(_watched_namespaces(), functions, strict=True):
            changed += _restore_functions(namespace, before)
        for generator, kept in zip(_GENERATORS, generators, strict=True):
            generator.write(kept)


def call_estimator(
    estimator: Estimator, program: Program, params: Tensor, rows: int, generator: torch.Generator
) -> tuple[Tensor, str]:
    """Draw rows by an estimator, and keep what it does to the shared state from everything else.

    The estimator is handed a copy of the parameters, and its rows are copied, so that it may use one buffer for all its calls.

    Args:
        estimator: The estimator.
        program: The program.
        params: The parameters, which stay as they are.
        rows: The number of rows.
        generator: The generator to draw from.

    Returns:
        What the estimator returned, and a sentence on the shared state that it left changed; empty if there is none.
    """
    handed = params.clone()
    with kept_state() as changed:
        drawn = estimator(program, handed, rows, generator)
    faults = [f"left {', '.join(changed)} changed"] if changed else []
    if bool(((handed - params).abs() > _WRITTEN * (1 + params.abs())).any()):
        faults.append("wrote into the parameters that it was handed")
    copied = drawn.clone() if isinstance(drawn, Tensor) else drawn
    return copied, f"it {' and '.join(faults)}; it was put back after the call" if faults else ""


@cache
def _watched_namespaces() -> tuple[Any, ...]:
    """Return the modules and classes whose functions estimators call."""
    modules = (torch, torch.nn.functional, torch.autograd, torch.distributions, torch.func, np, np.random, random)
    names = (getattr(torch.distributions, name) for name in torch.distributions.__all__)
    return (*modules, Tensor, *dict.fromkeys(value for value in names if isinstance(value, type)))


def _restore_functions(namespace: Any, before: dict[str, Any]) -> list[str]:
    """Put the functions of a module or a class back, and return the full names of those that had been replaced.

    A class that gained a method overrides an inherited one, whereas a module that gained a name hides nothing.
    """
    after = vars(namespace).copy()
    if len(after) == len(before) and all(map(is_, after.values(), before.values())):
        return []
    gained = [name for name in after if name not in before] if isinstance(namespace, type) else []
    replaced = [name for name in (*before, *gained) if after.get(name, _ABSENT) is not before.get(name, _ABSENT)]
    restored = []
    for name in replaced:
        was = before.get(name, _ABSENT)
        if _is_of_torch(after.get(name), name):
            continue
        if was is _ABSENT:
            delattr(namespace, name)
        elif callable(was) or callable(after.get(name)) or isinstance(was, bool):
            setattr(namespace, name, was)
        else:
            continue
        restored.append(f"{namespace.__module__ + '.' if isinstance(namespace, type) else ''}{namespace.__name__}.{name}")
    return restored


def _is_of_torch(value: Any, name: str) -> bool:
    """True for a function that PyTorch itself puts under its own name, as `torch._dynamo` does when it is first imported.

    A wrapper of somebody else's takes the name and the module of what it wraps, but its code lies in another file.
    """
    code = getattr(value, "__code__", None)
    return code is not None and value.__name__ == name and Path(torch.__file__).parent in Path(code.co_filename).parents

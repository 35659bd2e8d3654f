"""Generators that foreign code keeps for itself: in its fields, its closure, its module."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from functools import partial
from types import FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np
import torch

__all__ = ["generator_state", "own_generators", "seed_generator", "set_generator_state"]

_KINDS = (torch.Generator, np.random.Generator, np.random.RandomState, random.Random)
_CLOSED = (torch.Tensor, np.ndarray, ModuleType, str, bytes, int, float, complex, type(None))
_MANY = 2000  # objects that are looked at


def own_generators(target: Any) -> list[Any]:
    """Every generator that a callable reaches without leaving its own module's code.

    Args:
        target: A function, a method, a class, an object or a module of PyTorch's.

    Example:
        >>> noise = np.random.default_rng(3)
        >>> def sampler(probs):
        ...     return noise.random(len(probs)) < probs
        >>> own_generators(sampler) == [noise]
        True
    """
    written = target.func if isinstance(target, partial) else target
    home = getattr(written, "__module__", None)
    found: list[Any] = []
    waiting: list[Any] = [target]
    seen: dict[int, Any] = {}
    while waiting and len(seen) < _MANY:
        each = waiting.pop()
        if id(each) in seen or isinstance(each, _CLOSED):
            continue
        seen[id(each)] = each  # kept, so that no other object takes its number
        if isinstance(each, _KINDS):
            found.append(each)
        elif not isinstance(each, FunctionType | type) or each.__module__ == home:
            waiting += _reached(each)
    return found


def seed_generator(generator: Any, seed: int) -> None:
    """Seed a generator of PyTorch, NumPy (of either kind) or Python."""
    if isinstance(generator, torch.Generator):
        generator.manual_seed(seed)
    elif isinstance(generator, np.random.Generator):
        generator.bit_generator.state = type(generator.bit_generator)(seed).state
    else:
        generator.seed(seed)


def generator_state(generator: Any) -> Any:
    """The state of such a generator."""
    if isinstance(generator, np.random.Generator):
        return generator.bit_generator.state
    return generator.getstate() if isinstance(generator, random.Random) else generator.get_state()


def set_generator_state(generator: Any, state: Any) -> None:
    """Put such a generator back into a state."""
    if isinstance(generator, np.random.Generator):
        generator.bit_generator.state = state
    elif isinstance(generator, random.Random):
        generator.setstate(state)
    else:
        generator.set_state(state)


def _reached(each: Any) -> Iterable[Any]:
    """What an object holds, and what a function's text names."""
    if isinstance(each, FunctionType):
        named = [each.__globals__[name] for name in each.__code__.co_names if name in each.__globals__]
        return [*named, *_enclosed(each), *(each.__defaults__ or ()), *(each.__kwdefaults__ or {}).values()]
    if isinstance(each, MethodType | staticmethod | classmethod):
        return [each.__func__, getattr(each, "__self__", None)]
    if isinstance(each, partial):
        return [each.func, *each.args, *each.keywords.values()]
    if isinstance(each, Mapping):
        return each.values()
    if isinstance(each, list | tuple | set):
        return each
    fields = getattr(each, "__dict__", {}).values()
    return fields if isinstance(each, type) else [*fields, type(each)]


def _enclosed(function: FunctionType) -> Iterable[Any]:
    for cell in function.__closure__ or ():
        try:
            yield cell.cell_contents
        except ValueError:  # a name that is bound later
            continue

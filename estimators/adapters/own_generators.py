"""Random generators that foreign code holds in its fields, its closure or its module."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from functools import partial
from types import FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np
import torch

__all__ = ["find_generators", "get_generator_state", "is_generator", "seed_generator", "set_generator_state"]

_KINDS = (torch.Generator, np.random.Generator, np.random.RandomState, random.Random)
_CLOSED = (torch.Tensor, np.ndarray, ModuleType, str, bytes, int, float, complex, type(None))
_MOST_OBJECTS = 2000  # a limit on the search


def find_generators(target: Any) -> list[Any]:
    """Return every generator that a callable can reach through the code of its own module.

    Args:
        target: A function, a method, a class, an object or a PyTorch module.

    Example:
        >>> noise = np.random.default_rng(3)
        >>> def sampler(probs):
        ...     return noise.random(len(probs)) < probs
        >>> find_generators(sampler) == [noise]
        True
    """
    written = target.func if isinstance(target, partial) else target
    home = getattr(written, "__module__", None)
    found: list[Any] = []
    waiting: list[Any] = [target]
    seen: dict[int, Any] = {}
    while waiting and len(seen) < _MOST_OBJECTS:
        thing = waiting.pop()
        if id(thing) in seen or isinstance(thing, _CLOSED):
            continue
        seen[id(thing)] = thing  # the reference keeps other objects from taking this id
        if is_generator(thing):
            found.append(thing)
        elif not isinstance(thing, FunctionType | type) or thing.__module__ == home:
            waiting += _list_contents(thing)
    return found


def is_generator(thing: Any) -> bool:
    """Return True for a random generator of PyTorch, of NumPy (either kind) or of Python."""
    return isinstance(thing, _KINDS)


def seed_generator(generator: Any, seed: int) -> None:
    """Seed a generator of PyTorch, of NumPy (either kind) or of Python."""
    if isinstance(generator, torch.Generator):
        generator.manual_seed(seed)
    elif isinstance(generator, np.random.Generator):
        generator.bit_generator.state = type(generator.bit_generator)(seed).state
    else:
        generator.seed(seed)


def get_generator_state(generator: Any) -> Any:
    """Return the state of a generator."""
    if isinstance(generator, np.random.Generator):
        return generator.bit_generator.state
    return generator.getstate() if isinstance(generator, random.Random) else generator.get_state()


def set_generator_state(generator: Any, state: Any) -> None:
    """Set the state of a generator."""
    if isinstance(generator, np.random.Generator):
        generator.bit_generator.state = state
    elif isinstance(generator, random.Random):
        generator.setstate(state)
    else:
        generator.set_state(state)


def _list_contents(thing: Any) -> Iterable[Any]:
    """Return the objects that an object holds, and the globals that a function names."""
    if isinstance(thing, FunctionType):
        named = [thing.__globals__[name] for name in thing.__code__.co_names if name in thing.__globals__]
        return [*named, *_list_closure(thing), *(thing.__defaults__ or ()), *(thing.__kwdefaults__ or {}).values()]
    if isinstance(thing, MethodType | staticmethod | classmethod):
        return [thing.__func__, getattr(thing, "__self__", None)]
    if isinstance(thing, partial):
        return [thing.func, *thing.args, *thing.keywords.values()]
    if isinstance(thing, Mapping):
        return thing.values()
    if isinstance(thing, list | tuple | set):
        return thing
    fields = getattr(thing, "__dict__", {}).values()
    return fields if isinstance(thing, type) else [*fields, type(thing)]


def _list_closure(function: FunctionType) -> Iterable[Any]:
    """Yield the objects in a function's closure."""
    for cell in function.__closure__ or ():
        try:
            yield cell.cell_contents
        except ValueError:  # the name is bound later
            continue

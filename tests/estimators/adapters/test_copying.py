"""Copies of foreign code: state in objects, closures, attributes, defaults and globals is copied, and nothing else is."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import pytest
import torch

from gradverify.estimators.adapters.copying import copy_target

COUNT = 0
HELD = {"count": 0}
NOISE = torch.Generator()


def count_global() -> int:
    """Counts in a global variable."""
    global COUNT
    COUNT += 1
    return COUNT


def count_elsewhere() -> int:
    """Counts by another function of the module."""
    return count_global() + 0


def count_held() -> int:
    """Counts in a dictionary."""
    HELD["count"] += 1
    return HELD["count"]


def count_default(state: list[int] = [0]) -> int:  # noqa: B006
    """Counts in a default."""
    state[0] += 1
    return state[0]


def count_attribute() -> int:
    """Counts in an attribute of its own."""
    count_attribute.count += 1  # type: ignore[attr-defined]
    return count_attribute.count  # type: ignore[attr-defined, no-any-return]


count_attribute.count = 0  # type: ignore[attr-defined]


def make_counter() -> Callable[[], int]:
    """Return a function that counts in its closure, by another one that shares the variable."""
    count = 0

    def add() -> None:
        nonlocal count
        count += 1

    def count_up() -> int:
        add()
        return count

    return count_up


class Counter:
    """Counts in a field."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> int:
        self.count += 1
        return self.count


def add(first: int, second: int = 1) -> int:
    """Keeps nothing."""
    return first + second


def draw() -> int:
    """Draws from a generator of its module, which is seeded for every call."""
    return int(torch.randint(10, (), generator=NOISE))


STATEFUL: list[Any] = [
    count_global,
    count_elsewhere,
    count_held,
    count_default,
    count_attribute,
    make_counter(),
    functools.partial(count_default),
    Counter(),
    Counter().__call__,
]


@pytest.mark.parametrize("target", STATEFUL, ids=[getattr(each, "__name__", type(each).__name__) for each in STATEFUL])
def test_every_copy_counts_from_the_state_of_the_target(target: Any) -> None:
    first, second = copy_target(target), copy_target(target)
    assert [first(), first(), second(), first()] == [1, 2, 1, 3]
    assert copy_target(first)() == 4
    assert copy_target(target)() == 1


@pytest.mark.parametrize("target", [add, draw, Counter, len, functools.partial(add, 1), torch.add])
def test_what_keeps_nothing_is_not_copied(target: Any) -> None:
    assert copy_target(target) is target


class Uncopyable:
    """Refuses."""

    def __deepcopy__(self, memo: Any) -> Any:
        raise TypeError("no copies")


def test_what_cannot_be_copied_is_returned_as_it_is() -> None:
    target = Uncopyable()
    assert copy_target(target) is target

"""One call of a foreign callable: its arguments filled by role, its state kept apart, its answer as tensors."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from ..protocol import Claims
from .convention import Convention, ForeignError

__all__ = ["answer", "declared_claims", "entries", "entry", "fresh"]


def answer(target: Any, convention: Convention, filled: Mapping[str, Any]) -> Any:
    """Call a foreign callable once.

    What it gives back is sampled if it is a distribution (has ``rsample``). What it is handed is a copy, so that a change in
    place cannot reach the caller's tensors.

    Args:
        target: The callable, class or autograd Function.
        convention: Its arguments.
        filled: Role -> what is passed.

    Raises:
        ForeignError: It changed its parameters in place.
    """
    theta = filled["theta"]
    # A clone keeps the graph, and is compared afterwards: an in-place change would also spoil the caller's graph.
    handed = theta.detach().clone() if convention.detached else theta.clone()
    filled = {**filled, "theta": handed}
    positional = [filled[role] for name, role in convention.arguments if not name]
    named = {name: filled[role] for name, role in convention.arguments if name}
    called = target.apply if _is_function(target) else target
    given = _sampled(called(*positional, **named))
    if not torch.equal(handed.detach(), theta.detach()):
        raise ForeignError(f"it changed the {convention.takes or 'parameters'} that it was handed, in place; copy them first")
    return given


def entries(given: Any) -> list[tuple[int | None, Tensor]]:
    """The tensors of an answer, each with its place in the tuple, or None where there is no tuple."""
    if isinstance(given, Tensor):
        return [(None, given)]
    if isinstance(given, tuple | list):
        return [(place, each) for place, each in enumerate(given) if isinstance(each, Tensor)]
    return []


def entry(given: Any, convention: Convention) -> Tensor:
    """The tensor that is meant.

    Raises:
        ForeignError: There is none.
    """
    found = given if convention.item is None else given[convention.item]
    if not isinstance(found, Tensor):
        raise ForeignError(f"it returned a {type(found).__name__}; expected a tensor, as it returned when it was probed")
    return found


def declared_claims(target: Any) -> Claims:
    """What foreign code declares, or that it is unbiased where it declares nothing."""
    declared = getattr(target, "claims", None)
    return declared if isinstance(declared, Claims) else Claims()


def fresh(target: Any) -> Any:
    """A copy of a callable with its state, so that no call sees what another left behind.

    Functions are their own copies, and so is what refuses to be copied; state that is kept there shows as a result that
    cannot be repeated.
    """
    if inspect.isclass(target) or (inspect.isroutine(target) and not inspect.ismethod(target)):
        return target
    try:
        return copy.deepcopy(target)
    except Exception:
        return target


def _is_function(target: Any) -> bool:
    return inspect.isclass(target) and issubclass(target, torch.autograd.Function)


def _sampled(given: Any) -> Any:
    """A sample where a distribution was returned, else what was returned."""
    if isinstance(given, Tensor) or not (hasattr(given, "rsample") or hasattr(given, "sample")):
        return given
    try:
        draw = given.rsample if hasattr(given, "rsample") else given.sample
        return _drawn(draw)
    except NotImplementedError:  # torch's way to say that a distribution has no reparametrised sample
        return _drawn(given.sample)


def _drawn(draw: Any) -> Any:
    try:
        inspect.signature(draw).bind()
    except TypeError:
        return draw(torch.Size())
    return draw()

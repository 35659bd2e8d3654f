"""A user's own program as a problem: a function, and the point at which it is differentiated."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from ...estimators.registry import TargetError
from .problem import Problem

__all__ = ["is_program", "program_problem", "split_params", "with_params"]

PARAMS = "PARAMS"
"""The name, beside a program, of the point at which it is differentiated."""

EXACT = "EXACT"
"""The name, beside a program, of the gradient at that point, or of a function from params to the gradient."""


def is_program(found: object) -> bool:
    """Return True if an object is called as a program is, ``(params, sample)``, and not as a factory of problems, ``()``."""
    if inspect.isclass(found) or not callable(found):
        return False
    return _binds(found, None, None) and not _binds(found)


def split_params(target: str) -> tuple[str, Tensor | None]:
    """Return a target without its parameters, and the parameters after its ``@``.

    Example:
        >>> split_params("mine.py:walk@10"), split_params("mine.py:walk")
        (('mine.py:walk', tensor(10., dtype=torch.float64)), ('mine.py:walk', None))
        >>> split_params("mine.py:walk@0.3,0.5")[1]
        tensor([0.3000, 0.5000], dtype=torch.float64)
    """
    place, mark, text = target.rpartition("@")
    if not mark or ":" in text or ":" not in place:
        return target, None
    try:
        numbers = [float(each) for each in text.split(",") if each.strip()]
        if not numbers:
            raise ValueError
    except ValueError as error:
        raise TargetError(
            f"{target!r}: {text!r} are not parameters; expected numbers separated by commas, as in '{place}@0.3,0.5'"
        ) from error
    return place, torch.tensor(numbers if "," in text else numbers[0], dtype=torch.float64)


def with_params(targets: Sequence[str], params: str | None) -> tuple[str, ...]:
    """Add the separately given parameters to the targets that can hold a program and have none of their own.

    Raises:
        TargetError: None of the targets can hold a program.

    Example:
        >>> with_params(["mine.py:walk", "mine.py:other@1", "bernoulli:0.3"], "0.3,0.5")
        ('mine.py:walk@0.3,0.5', 'mine.py:other@1', 'bernoulli:0.3')
    """
    places = [".py:" in each or "." in each.partition(":")[0] for each in targets]
    if params is None:
        return tuple(targets)
    if not any(places):
        raise TargetError(f"--params {params}: no --problem names a program, as 'path/to/file.py:program' does")
    pairs = zip(targets, places, strict=True)
    return tuple(f"{target}@{params}" if place and "@" not in target else target for target, place in pairs)


def program_problem(program: Any, target: str, given: Tensor | None) -> Problem:
    """Return the problem of a program at the given parameters, or at those that stand beside it.

    A gradient beside the program holds at the parameters beside it, and at others only if it is a function of them. Without a
    gradient, enumeration decides if the program is small, else the likelihood ratio, checked against finite differences.

    Args:
        program: The program, ``(params[rows, *param], sample) -> objective[rows]``.
        target: The target that names it, without parameters; its last part becomes the problem's name.
        given: The parameters ``[*param]``, or None.

    Raises:
        TargetError: There are no parameters, or they or the gradient are not numbers.
    """
    beside: Mapping[str, Any] = getattr(program, "__globals__", {})
    if given is None and PARAMS not in beside:
        raise TargetError(
            f"{target!r} is a program without the point at which to differentiate it; give '{target}@0.3,0.5', "
            f"--params 0.3,0.5, or {PARAMS} = ... beside it (or a gradverify.verification.Problem)"
        )
    params = _tensor(beside[PARAMS], target, PARAMS) if given is None else given
    gradient = beside.get(EXACT)
    exact = None
    if callable(gradient):
        exact = _tensor(gradient(params), target, EXACT)
    elif gradient is not None and given is None:
        exact = _tensor(gradient, target, EXACT)
    name = target.rpartition(":")[2]
    size = "" if given is None else ":" + ",".join(map(repr, given.reshape(-1).tolist()))
    return Problem(name=f"{name}{size}", program=program, params=params, exact=exact)


def _tensor(value: object, target: str, name: str) -> Tensor:
    """Return a floating tensor; numbers and lists of numbers become double precision."""
    try:
        made = value.detach() if isinstance(value, Tensor) else torch.as_tensor(value, dtype=torch.float64)
        return made if made.is_floating_point() else made.double()
    except (TypeError, ValueError, RuntimeError) as error:
        raise TargetError(f"{target!r}: {name} beside it is a {type(value).__name__}; expected numbers or a tensor") from error


def _binds(function: Any, *arguments: object) -> bool:
    try:
        inspect.signature(function).bind(*arguments)
    except (TypeError, ValueError):
        return False
    return True

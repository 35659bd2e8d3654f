"""Roles of the arguments of a foreign callable, as far as its signature tells them.

A telling name fixes an argument's role. The other arguments are tried in the roles for which the callable's behaviour decides,
and in no others: nothing is filled by guess.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterator
from functools import partial
from inspect import Parameter
from itertools import product
from typing import Any

import torch

from .convention import Argument
from .roles import PARAMETER_NAMES, ROLES, find_role

__all__ = [
    "describe_unfilled",
    "find_class",
    "has_contract",
    "list_demanded",
    "propose_arguments",
    "propose_class_arguments",
    "read_takes",
]

_ANYWHERE = {each.name for each in ROLES if each.anywhere}
_TRIED = tuple(each.name for each in ROLES if each.tried)
_TELLING = {"log_prob", "cost", "reward", "theta"}

UNNAMED = "unnamed"
"""The name that stands for arguments of a callable whose signature names none."""

_POSITIONAL = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
_NAMED = (Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY)


def propose_arguments(target: Any, together: Collection[frozenset[str]]) -> Iterator[tuple[Argument, ...]]:
    """Yield every way to fill the arguments that a callable demands, with positional arguments passed by position.

    Args:
        target: A function, an object that can be called, or a `torch.autograd.Function` subclass.
        together: The sets of roles that make sense together; roles that may come anywhere are left out.
    """
    parameters = _read_parameters(target)
    demanded = [each for each in parameters if _is_demanded(each) and each.kind in _POSITIONAL]
    keywords = tuple(
        (each.name, role)
        for each in parameters
        if (role := _read_role(each))
        and (
            (each.kind is Parameter.KEYWORD_ONLY and _is_demanded(each))
            or (each not in demanded and role == "generator" and each.kind in _NAMED)
        )
    )
    if any(each.kind is Parameter.KEYWORD_ONLY and _is_demanded(each) and not _read_role(each) for each in parameters):
        return
    # An optional argument may be the only argument.
    demanded = demanded or [each for each in parameters if each.kind in _POSITIONAL][:1]
    for roles in product(*(_list_roles(each.name) for each in demanded)):
        every = (*roles, *(role for _, role in keywords))
        if len(set(every)) == len(every) and frozenset(every) - _ANYWHERE in together:
            yield (*(("", role) for role in roles), *keywords)


def list_demanded(target: Any) -> list[str]:
    """Return the names of the arguments without which a callable cannot be called."""
    return [each.name for each in _read_parameters(target) if _is_demanded(each)]


def find_class(target: Any) -> type | None:
    """Return the class that a target is, or of which it is a `functools.partial`; None for anything else.

    Example:
        >>> from functools import partial
        >>> find_class(partial(partial(dict), a=1)), find_class(partial(print))
        (<class 'dict'>, None)
    """
    while isinstance(target, partial):
        target = target.func
    return target if inspect.isclass(target) else None


def describe_unfilled(target: Any, *, proposed: bool) -> str:
    """Describe the arguments that nothing can fill, in words that ask for them by name; empty if there are none.

    Args:
        target: The foreign callable.
        proposed: True if some way to fill its arguments was tried. A name that tells nothing is then the reason only beside a
            name that does.
    """
    names = list_demanded(target)
    roles = {name: find_role(name) for name in names}
    asked = [(name, role.asked) for name, role in roles.items() if role and role.asked]
    unknown = [name for name, role in roles.items() if role is None and name.isidentifier() and name != UNNAMED]
    told = {role.name for role in roles.values() if role}
    then = "bind it with functools.partial, or give a function without it"
    if asked:
        name, words = asked[0]
        return f"its argument {name!r} asks for {words}, which the problem does not have; {then}"
    if len(unknown) > 1:
        listed = " and ".join(map(repr, unknown))
        return f"its arguments {listed} have no known role; rename them (f, logits, probs, temperature, ...) or bind them"
    if unknown and (told & _TELLING or not proposed):
        return f"its argument {unknown[0]!r} has no known role; rename it (log_prob, cost, reward, f, logits, probs) or {then}"
    if names and not proposed:
        return (
            f"its arguments are ({', '.join(names)}); expected (logits), (f, logits), (log_prob, cost) or (log_prob, reward): "
            "bind others with functools.partial"
        )
    return ""


def propose_class_arguments(target: Any, together: Collection[frozenset[str]]) -> Iterator[tuple[Argument, ...]]:
    """Yield the ways to construct a class in the manner of `torch.distributions`, by keyword.

    Args:
        target: A class with ``rsample``, or a partial of one.
        together: The sets of roles for `propose_arguments`, which is used for a class without such keywords.
    """
    parameters = {each.name: each for each in _read_parameters(target)}
    others = tuple(
        (name, _read_role(each))
        for name, each in parameters.items()
        if _read_role(each) in ("temperature", "count") and _is_demanded(each)
    )
    named = [name for name, takes in PARAMETER_NAMES.items() if takes and name in parameters]
    if not named:
        yield from propose_arguments(target, together)
    for name in named:
        yield ((name, "theta"), *others)


def read_takes(target: Any, arguments: tuple[Argument, ...]) -> str:
    """Return the kind of parameters that the argument's name tells: ``probs``, ``logits`` or an empty string."""
    keyword = next((name for name, role in arguments if role == "theta" and name), "")
    if keyword:
        return PARAMETER_NAMES.get(keyword, "")
    position = [role for name, role in arguments if not name].index("theta")
    positional = [each.name for each in _read_parameters(target) if each.kind in _POSITIONAL]
    return PARAMETER_NAMES.get(positional[position], "") if position < len(positional) else ""


def has_contract(found: Any) -> bool | None:
    """Return True if the signature is that of the package's own contract; None if only the behaviour can tell."""
    if inspect.isclass(found) or not callable(found):
        return False
    try:
        # The signature of a module is *args; its forward method has the arguments.
        signature = inspect.signature(found.forward if isinstance(found, torch.nn.Module) else found)
        signature.bind(None, None, 1, None)
    except (TypeError, ValueError):
        return False
    positional = [each for each in signature.parameters.values() if each.kind in _POSITIONAL]
    if hasattr(found, "claims") or (positional and positional[0].name == "program"):
        return True
    if any(each.kind is Parameter.VAR_POSITIONAL for each in signature.parameters.values()):
        return None
    return None if sum(_is_demanded(each) for each in positional) == 4 else False


def _read_parameters(target: Any) -> list[Parameter]:
    """Return the parameters that a caller sees; for an autograd Function, those of ``forward``."""
    counted: Callable[..., Any] = target
    drop = 0
    if inspect.isclass(target) and issubclass(target, torch.autograd.Function):
        counted = target.forward
        drop = int(target.setup_context is torch.autograd.Function.setup_context)
    elif isinstance(target, torch.nn.Module):
        counted = target.forward
    unnamed = Parameter(UNNAMED, Parameter.POSITIONAL_ONLY)
    try:
        found = list(inspect.signature(counted).parameters.values())[drop:]
    except (TypeError, ValueError):
        return [unnamed]
    return [unnamed if each.kind is Parameter.VAR_POSITIONAL else each for each in found]


def _list_roles(name: str) -> tuple[str, ...]:
    """Return the roles in which an argument of a name is tried; none if nothing provides its value."""
    role = find_role(name)
    if role is None:
        return _TRIED
    return () if role.asked else (role.name, *role.also)


def _read_role(parameter: Parameter) -> str:
    """Return the role that a parameter's name tells, or an empty string."""
    role = find_role(parameter.name)
    return "" if role is None or role.asked else role.name


def _is_demanded(parameter: Parameter) -> bool:
    return parameter.default is Parameter.empty

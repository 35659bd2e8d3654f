"""What a foreign callable may expect in its arguments, read from its signature.

A telling name fixes an argument's role; the others are tried in every role, and behaviour decides.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterator
from inspect import Parameter
from itertools import product
from typing import Any

import torch

from .convention import Argument
from .roles import PARAMETER_NAMES, REWARD_NAMES, ROLE_OF, ROLES, Role

__all__ = ["candidate_arguments", "class_arguments", "demanded_names", "is_contract", "named_takes", "names_rewards"]

_ANYWHERE = {each.name for each in ROLES if each.anywhere}

_POSITIONAL = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
_NAMED = (Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY)


def candidate_arguments(target: Any, together: Collection[frozenset[str]]) -> Iterator[tuple[Argument, ...]]:
    """Every way to fill the arguments that a callable demands, positional ones by position.

    Args:
        target: A function, an object that can be called, or a `torch.autograd.Function` subclass.
        together: Sets of roles that make sense together; those that may come anywhere are left out of them.
    """
    parameters = _parameters(target)
    demanded = [each for each in parameters if _demanded(each) and each.kind in _POSITIONAL]
    keywords = tuple(
        (each.name, role)
        for each in parameters
        if (role := _role_name(each))
        and (
            (each.kind is Parameter.KEYWORD_ONLY and _demanded(each))
            or (each not in demanded and role == "generator" and each.kind in _NAMED)
        )
    )
    groups = {ROLE_OF[each.name].tried for each in demanded if each.name in ROLE_OF}
    tried = tuple(each for each in ROLES if each.tried == "always" or (each.tried != "never" and each.tried in groups))
    # An optional argument may be the only one that there is.
    demanded = demanded or [each for each in parameters if each.kind in _POSITIONAL][:1]
    for roles in product(*(_roles(each.name, tried) for each in demanded)):
        both = (*roles, *(role for _, role in keywords))
        if len(set(both)) == len(both) and frozenset(both) - _ANYWHERE in together:
            yield (*(("", role) for role in roles), *keywords)


def demanded_names(target: Any) -> list[str]:
    """The names of the arguments without which a callable cannot be called."""
    return [each.name for each in _parameters(target) if _demanded(each)]


def class_arguments(target: type, together: Collection[frozenset[str]]) -> Iterator[tuple[Argument, ...]]:
    """Ways to construct a class in the manner of `torch.distributions`, by keyword.

    Args:
        target: A class with ``rsample``.
        together: As in `candidate_arguments`, which serves a class without such keywords.
    """
    parameters = {each.name: each for each in _parameters(target)}
    others = tuple(
        (name, _role_name(each))
        for name, each in parameters.items()
        if _role_name(each) in ("temperature", "count") and _demanded(each)
    )
    named = [name for name, takes in PARAMETER_NAMES.items() if takes and name in parameters]
    if not named:
        yield from candidate_arguments(target, together)
    for name in named:
        yield ((name, "theta"), *others)


def named_takes(target: Any, arguments: tuple[Argument, ...]) -> str:
    """What the name of the parameters' argument says that it is: ``probs``, ``logits`` or nothing."""
    keyword = next((name for name, role in arguments if role == "theta" and name), "")
    if keyword:
        return PARAMETER_NAMES.get(keyword, "")
    position = [role for name, role in arguments if not name].index("theta")
    positional = [each.name for each in _parameters(target) if each.kind in _POSITIONAL]
    return PARAMETER_NAMES.get(positional[position], "") if position < len(positional) else ""


def names_rewards(target: Any, arguments: tuple[Argument, ...]) -> bool:
    """Whether what stands for costs is called rewards, returns or advantages."""
    positional = [each.name for each in _parameters(target) if each.kind in _POSITIONAL]
    named = [name for name, role in arguments if role == "cost" and name]
    places = [place for place, role in enumerate(role for name, role in arguments if not name) if role == "cost"]
    return any(name in REWARD_NAMES for name in [*named, *(positional[each] for each in places if each < len(positional))])


def is_contract(found: Any) -> bool | None:
    """Whether something keeps the package's own contract by its signature; None where only behaviour can tell."""
    if inspect.isclass(found) or not callable(found):
        return False
    try:
        # A module's own signature is *args; what it takes stands in its forward.
        signature = inspect.signature(found.forward if isinstance(found, torch.nn.Module) else found)
        signature.bind(None, None, 1, None)
    except (TypeError, ValueError):
        return False
    positional = [each for each in signature.parameters.values() if each.kind in _POSITIONAL]
    if hasattr(found, "claims") or (positional and positional[0].name == "program"):
        return True
    if any(each.kind is Parameter.VAR_POSITIONAL for each in signature.parameters.values()):
        return None
    return None if sum(_demanded(each) for each in positional) == 4 else False


def _parameters(target: Any) -> list[Parameter]:
    """The parameters that a caller sees; of an autograd Function, those of ``forward``."""
    counted: Callable[..., Any] = target
    drop = 0
    if inspect.isclass(target) and issubclass(target, torch.autograd.Function):
        counted = target.forward
        drop = int(target.setup_context is torch.autograd.Function.setup_context)
    elif isinstance(target, torch.nn.Module):
        counted = target.forward
    unsaid = Parameter("unsaid", Parameter.POSITIONAL_ONLY)
    try:
        found = list(inspect.signature(counted).parameters.values())[drop:]
    except (TypeError, ValueError):
        return [unsaid]
    return [unsaid if each.kind is Parameter.VAR_POSITIONAL else each for each in found]


def _roles(name: str, tried: tuple[Role, ...]) -> tuple[str, ...]:
    """The roles that an argument of that name is tried in."""
    return (ROLE_OF[name].name, *ROLE_OF[name].also) if name in ROLE_OF else tuple(each.name for each in tried)


def _role_name(parameter: Parameter) -> str:
    """The role that a parameter's name tells, or nothing."""
    return ROLE_OF[parameter.name].name if parameter.name in ROLE_OF else ""


def _demanded(parameter: Parameter) -> bool:
    return parameter.default is Parameter.empty

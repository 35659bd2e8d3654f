"""The table of the roles that an argument of foreign code can have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["CONSTANTS", "PARAMETER_NAMES", "REWARD_NAMES", "ROLES", "ROLE_OF", "Role"]

PARAMETER_NAMES = {
    **dict.fromkeys(("probs", "prob", "p", "probabilities"), "probs"),
    **dict.fromkeys(("logits", "logit"), "logits"),
    "theta": "",
}
"""The names of an argument for parameters, and the kind of parameters that each name tells."""

REWARD_NAMES = ("reward", "rewards", "ret", "returns", "advantage", "advantages")
"""The names of an argument for costs that tell that more is better."""


@dataclass(frozen=True)
class Role:
    """A purpose that an argument may have.

    Attributes:
        name: The role's name, by which a call finds the value to pass.
        names: The names of arguments that tell this role.
        also: Other roles that the same names may tell.
        tried: The case in which an argument without a telling name is tried in this role: ``always``, ``never``, or the name of
            a group, if another argument's name tells a role of that group.
        anywhere: True if the role may accompany any other roles and tells nothing about the convention.
        constant: The value that is always passed, if only one value makes sense.
    """

    name: str
    names: tuple[str, ...]
    also: tuple[str, ...] = ()
    tried: str = "always"
    anywhere: bool = False
    constant: Any = None


ROLES: tuple[Role, ...] = (
    Role("theta", tuple(PARAMETER_NAMES)),
    Role("sample", ("sample",)),
    Role("objective", ("f", "fn", "func", "objective", "loss_fn")),
    Role("temperature", ("temperature", "temp", "tau")),
    Role("count", ("n", "N", "num_samples", "n_samples", "total_count", "trials")),
    Role("generator", ("generator", "rng"), anywhere=True),
    # Log-probabilities are also normalised logits, and a cost may also be the function that computes it.
    Role("log_prob", ("log_prob", "log_probs", "logprob", "logprobs", "logp", "log_p", "log_pi"), ("theta",), tried="scores"),
    Role("cost", ("cost", "costs", "loss", "losses", *REWARD_NAMES), ("objective",), tried="scores"),
    # A hard sample, or a flag that asks for one.
    Role("hard", ("hard",), ("sample",), tried="never", anywhere=True, constant=True),
    Role("dim", ("dim", "axis"), tried="never", anywhere=True, constant=-1),
)
"""All roles, in the order in which they are tried for an argument without a telling name."""

ROLE_OF = {name: role for role in ROLES for name in role.names}
"""The role that an argument's name tells."""

CONSTANTS = {role.name: role.constant for role in ROLES if role.constant is not None}
"""The values of the roles for which only one value makes sense."""

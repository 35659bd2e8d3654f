"""The roles that an argument of foreign code can have: a row each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["CONSTANTS", "PARAMETER_NAMES", "REWARD_NAMES", "ROLES", "ROLE_OF", "Role"]

PARAMETER_NAMES = {
    **dict.fromkeys(("probs", "prob", "p", "probabilities"), "probs"),
    **dict.fromkeys(("logits", "logit"), "logits"),
    "theta": "",
}
"""Names of an argument for parameters, and which parameters each says that they are."""

REWARD_NAMES = ("reward", "rewards", "ret", "returns", "advantage", "advantages")
"""Names of an argument for costs that say that more is better."""


@dataclass(frozen=True)
class Role:
    """What an argument may be for.

    Attributes:
        name: The role's name, under which a call is filled.
        names: Names of arguments that tell it.
        also: Roles that such a name may say as well.
        tried: An argument without a telling name is tried in this role: ``always``, ``never``, or where another argument's name
            tells a role of the same group.
        anywhere: It may come with any other roles, and says nothing of the convention.
        constant: What is always passed, where only one thing can be meant.
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
    # Log-probabilities are normalised logits, too, and a cost may be what computes it.
    Role("log_prob", ("log_prob", "log_probs", "logprob", "logprobs", "logp", "log_p", "log_pi"), ("theta",), tried="scores"),
    Role("cost", ("cost", "costs", "loss", "losses", *REWARD_NAMES), ("objective",), tried="scores"),
    # A hard sample, or whether one is wanted.
    Role("hard", ("hard",), ("sample",), tried="never", anywhere=True, constant=True),
    Role("dim", ("dim", "axis"), tried="never", anywhere=True, constant=-1),
)
"""Every role, in the order in which an argument without a telling name is tried."""

ROLE_OF = {name: role for role in ROLES for name in role.names}
"""The role that an argument's name tells."""

CONSTANTS = {role.name: role.constant for role in ROLES if role.constant is not None}
"""What is passed where only one thing can be meant."""

"""The table of the roles that an argument of foreign code can have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["CONSTANTS", "PARAMETER_NAMES", "ROLES", "Role", "find_role"]

PARAMETER_NAMES = {
    **dict.fromkeys(("probs", "prob", "p", "probabilities"), "probs"),
    **dict.fromkeys(("logits", "logit"), "logits"),
    "theta": "",
}
"""The names of an argument for parameters, and the kind of parameters that each name tells."""

_LOG_PROBS = (
    *("log_prob", "log_probs", "logprob", "logprobs", "logp", "logps", "log_p", "log_ps", "log_pi", "logpi", "lp"),
    *("log_probability", "log_probabilities"),
)
_COSTS = ("cost", "costs", "loss", "losses")
_REWARDS = (
    *("reward", "rewards", "rew", "rews", "return", "returns", "ret", "rets"),
    *("advantage", "advantages", "adv", "advs", "score", "scores"),
)
_WHOLE = (
    *("", "action", "policy", "sequence", "seq", "path", "trajectory", "traj", "sample", "sampled", "episode", "batch"),
    *("total", "final", "terminal", "current", "new"),
)


@dataclass(frozen=True)
class Role:
    """A purpose that an argument may have.

    Attributes:
        name: The role's name, by which a call finds the value to pass.
        names: The names of arguments that tell this role.
        qualifiers: Words that may stand before or behind these names, joined by an underscore; an empty word means that a name
            may stand alone.
        also: Other roles that the same names may tell; calling the code decides between them.
        tried: True if an argument without a telling name is tried in this role, because the result shows if the role is right.
        anywhere: True if the role may accompany any other roles and tells nothing about the convention.
        constant: The value that is always passed, if only one value makes sense.
        asked: The words for what the argument wants, if nothing provides it; code with such an argument is refused.
    """

    name: str
    names: tuple[str, ...]
    qualifiers: tuple[str, ...] = ("",)
    also: tuple[str, ...] = ()
    tried: bool = False
    anywhere: bool = False
    constant: Any = None
    asked: str = ""


ROLES: tuple[Role, ...] = (
    Role("theta", tuple(PARAMETER_NAMES), tried=True),
    Role("sample", ("sample",), tried=True),
    # A cost may also be the function that computes it, and the other way round.
    Role("objective", ("f", "fn", "func", "objective", "loss_fn", "cost_fn", "objective_fn"), also=("cost",), tried=True),
    Role("reward_objective", ("reward_fn", "reward_func", "reward_function", "return_fn")),
    # A single letter may also be the parameters.
    Role("temperature", ("temperature", "temp", "tau", "t", "T"), also=("theta",)),
    Role("count", ("n", "N", "num_samples", "n_samples", "total_count", "trials", "num_draws", "n_draws")),
    Role("generator", ("generator", "rng", "gen"), anywhere=True),
    # Log-probabilities are also normalised logits.
    Role("log_prob", _LOG_PROBS, _WHOLE, also=("theta",)),
    Role("cost", _COSTS, _WHOLE, also=("objective",)),
    Role("reward", _REWARDS, _WHOLE, also=("reward_objective",)),
    Role("old_log_prob", _LOG_PROBS, ("old", "prev", "previous"), asked="the log-probabilities of an older policy"),
    Role("ref_log_prob", _LOG_PROBS, ("ref", "reference"), asked="the log-probabilities of a reference policy"),
    Role(
        "behaviour_log_prob",
        _LOG_PROBS,
        ("behaviour", "behavior", "rollout", "mu"),
        asked="the log-probabilities of the policy that drew the samples",
    ),
    Role(
        "mask",
        ("mask", "masks"),
        ("", "action", "response", "loss", "attention", "completion", "padding", "token"),
        asked="a mask of tokens",
    ),
    # A hard sample, or a flag that asks for one.
    Role("hard", ("hard",), also=("sample",), anywhere=True, constant=True),
    Role("dim", ("dim", "axis"), anywhere=True, constant=-1),
)
"""All roles, a row each, in the order in which they are tried for an argument without a telling name.

The value of a new role is filled in by the convention that uses it. A role without a value has `asked` instead.
"""

_ROLE_OF = {
    name: role
    for role in ROLES
    for word in role.names
    for qualifier in role.qualifiers
    for name in ((f"{qualifier}_{word}", f"{word}_{qualifier}") if qualifier else (word,))
}

CONSTANTS = {role.name: role.constant for role in ROLES if role.constant is not None}
"""The values of the roles for which only one value makes sense."""


def find_role(name: str) -> Role | None:
    """Return the role that an argument's name tells, or None.

    Example:
        >>> find_role("episode_reward").name, find_role("ref_log_probs").name, find_role("width")
        ('reward', 'ref_log_prob', None)
    """
    return _ROLE_OF.get(name) or _ROLE_OF.get(name.lower().strip("_"))

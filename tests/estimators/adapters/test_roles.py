"""The table of roles: every name tells one role, roles that a row refers to exist, and unknown names tell nothing."""

from __future__ import annotations

import pytest

from gradverify.estimators.adapters.probe import PROBES
from gradverify.estimators.adapters.roles import CONSTANTS, PARAMETER_NAMES, ROLES, find_role


def test_every_name_tells_one_role() -> None:
    names = [(qualifier, name) for role in ROLES for qualifier in role.qualifiers for name in role.names]
    assert len(set(names)) == len(names)
    assert {role.name for name in PARAMETER_NAMES if (role := find_role(name))} == {"theta"}


def test_rows_and_probes_refer_to_roles_of_the_table() -> None:
    known = {role.name for role in ROLES}
    assert {other for role in ROLES for other in role.also} <= known
    assert {role for probe in PROBES for roles in probe.roles for role in roles} <= known


def test_a_role_is_filled_by_a_probe_a_constant_or_a_generator_or_asked_for() -> None:
    filled = {role for probe in PROBES for roles in probe.roles for role in roles} | set(CONSTANTS) | {"generator"}
    assert {role.name for role in ROLES if not role.asked} == filled
    assert not filled & {role.name for role in ROLES if role.asked}


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("log_probs", "log_prob"),
        ("logps", "log_prob"),
        ("action_log_probs", "log_prob"),
        ("old_log_probs", "old_log_prob"),
        ("logp_old", "old_log_prob"),
        ("ref_logps", "ref_log_prob"),
        ("rollout_log_probs", "behaviour_log_prob"),
        ("response_mask", "mask"),
        ("episode_reward", "reward"),
        ("advantages", "reward"),
        ("scores", "reward"),
        ("losses", "cost"),
        ("objective", "objective"),
        ("reward_fn", "reward_objective"),
        ("Rewards", "reward"),
        ("N", "count"),
        ("values", ""),
        ("token_level_rewards", ""),
        ("weights", ""),
        ("reward_mask", ""),
    ],
)
def test_a_name_tells_its_role_or_nothing(name: str, role: str) -> None:
    found = find_role(name)
    assert (found.name if found else "") == role

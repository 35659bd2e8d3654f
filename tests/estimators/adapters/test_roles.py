"""The table of roles: every name tells one role, and the roles that a row refers to exist."""

from __future__ import annotations

from gradverify.estimators.adapters.probe import PROBES
from gradverify.estimators.adapters.roles import CONSTANTS, PARAMETER_NAMES, REWARD_NAMES, ROLE_OF, ROLES


def test_every_name_tells_one_role() -> None:
    names = [name for role in ROLES for name in role.names]
    assert len(set(names)) == len(names) == len(ROLE_OF)
    assert {ROLE_OF[name].name for name in PARAMETER_NAMES} == {"theta"}
    assert {ROLE_OF[name].name for name in REWARD_NAMES} == {"cost"}


def test_rows_and_probes_refer_to_roles_of_the_table() -> None:
    known = {role.name for role in ROLES}
    assert {other for role in ROLES for other in role.also} <= known
    assert {role for probe in PROBES for roles in probe.roles for role in roles} <= known


def test_a_role_that_is_never_tried_has_one_value() -> None:
    assert {role.name for role in ROLES if role.tried == "never"} == set(CONSTANTS) == {"hard", "dim"}

"""Chains: tables that fit, and mass that cannot be lost."""

from __future__ import annotations

import numpy as np
import pytest

from gradverify.verification.truth.chains.chain import Chain, ChainError, last_mass


def coin(**changes: object) -> Chain:
    table = np.full((1, 2, 2), 0.5)
    fields = {
        "num_steps": 1,
        "start": 0,
        "probability": table,
        "derivative": np.array([[[-1.0, 1.0]] * 2]),
        "successor": np.array([[[0, 1]] * 2]),
        "objective": np.array([0.0, 1.0]),
    }
    return Chain(**{**fields, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"probability": np.full((3, 2, 2), 0.5)}, r"expected \[1 or 1, S, K\]"),
        ({"derivative": np.zeros((1, 2, 3))}, r"derivative has shape \(1, 2, 3\)"),
        ({"start": 2}, "start=2"),
        ({"probability": np.full((1, 2, 2), 0.4)}, "add up to one"),
        ({"derivative": np.ones((1, 2, 2))}, "add up to zero"),
    ],
)
def test_tables_that_do_not_fit_are_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ChainError, match=message):
        coin(**changes)


def test_mass_that_leaves_the_states_is_refused() -> None:
    with pytest.raises(ChainError, match="list every state"):
        last_mass(coin(successor=np.array([[[0, -1]] * 2])))

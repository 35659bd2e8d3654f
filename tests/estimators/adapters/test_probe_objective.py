"""The objective of a probe records the form and the number of its samples, and no two categories cost the same."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from gradverify.estimators.adapters.probe_objective import ProbeObjective

INDEX = torch.tensor([0, 1, 2, 3, 0])


@pytest.mark.parametrize(
    ("value", "form"),
    [
        (torch.eye(4)[INDEX], "one-hot"),
        (INDEX, "index"),
        (torch.ones(5, 4), "value"),
        (np.eye(4)[INDEX.numpy()], "one-hot"),
    ],
)
def test_the_form_and_the_rows_are_recorded(value: Any, form: str) -> None:
    objective = ProbeObjective()
    costs = objective(value)
    assert (objective.form, objective.rows) == (form, 5)
    assert isinstance(costs, type(value))
    objective(value[:1])
    assert objective.rows == 6


def test_vectors_and_indices_cost_the_same_and_categories_differ() -> None:
    costs = ProbeObjective()(torch.eye(4, dtype=torch.float64)[INDEX])
    assert torch.equal(costs, ProbeObjective()(INDEX))
    assert len(set(costs.tolist())) == 4


def test_the_factor_is_on_the_first_sample_alone() -> None:
    quiet, loud = ProbeObjective()(INDEX), ProbeObjective(1e3)(INDEX)
    assert (loud / quiet).tolist() == [1e3, 1.0, 1.0, 1.0, 1.0]

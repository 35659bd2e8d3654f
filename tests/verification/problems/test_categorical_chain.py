"""The categorical chain: a chain of one state is a categorical, and later states follow earlier ones."""

from __future__ import annotations

import pytest
import torch

from gradverify.verification.problems.categorical_chain import chain
from gradverify.verification.problems.problem import probe
from gradverify.verification.truth.references import find_reference


def test_a_chain_of_one_state_is_a_categorical() -> None:
    """The first state's logits are theta; the gradient is ``p_j (f_j - E f)``."""
    values = torch.tensor([-0.9, 0.3, 1.1], dtype=torch.float64)
    linear, *_, product = chain(1)
    probs = linear.params.softmax(0)
    assert not linear.chained
    for problem, objective in ((linear, values + 1), (product, 1 + values / 2)):
        gradient = probs * (objective - probs @ objective)
        assert find_reference(problem, 0, 0.1).gradient == pytest.approx(gradient.numpy())


def test_a_longer_chain_has_a_site_a_state() -> None:
    for problem in chain(4):
        assert probe(problem).num_sites == 4
        assert problem.chained

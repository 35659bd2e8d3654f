"""The field's toys: closed forms of their gradients."""

from __future__ import annotations

import pytest
import torch

from gradverify.estimators.enumeration import enumerate_paths
from gradverify.verification.problems import find_problems
from gradverify.verification.problems.toys import polynomial_programming
from gradverify.verification.truth.references import find_reference


def test_toys_have_their_closed_forms() -> None:
    """``n (1 - 2 p0) p (1 - p)`` for bits that share a logit; ``p (1 - p) (0.55^a - 0.45^a)`` for polynomial programming."""
    (toy,) = find_problems(["toy_vae:7"], quick=True)
    p = float(toy.params.sigmoid())
    assert find_reference(toy, 0, 0.1).gradient[0] == pytest.approx(7 * 0.1 * p * (1 - p), rel=1e-12)
    logits = torch.tensor([[0.0, 0.8]], dtype=torch.float64)
    one = float(logits.softmax(-1)[0, 1])
    found = enumerate_paths(polynomial_programming(3.0), logits).gradient()[0, 1]
    assert float(found) == pytest.approx(one * (1 - one) * (0.55**3 - 0.45**3), rel=1e-12)

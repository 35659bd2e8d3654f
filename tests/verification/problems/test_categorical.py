"""One categorical: the gradient in the logits is a covariance."""

from __future__ import annotations

import pytest
import torch

from gradverify.verification.problems.categorical import categorical, categorical_one_hot
from gradverify.verification.truth.references import find_reference


def covariance(probs: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    """``p_j (f_j - E f)``, the gradient of E f in the logits."""
    return probs * (values - probs @ values)


def test_functions_of_the_index() -> None:
    index = torch.arange(4, dtype=torch.float64)
    expected = {"linear": index + 1, "square": (index - 0.7) ** 2, "indicator": (index > 1.5).double()}
    problems = {each.name.split("/")[1]: each for each in categorical(4)}
    for name, values in expected.items():
        problem = problems[name]
        gradient = covariance(problem.params.softmax(0), values)
        assert find_reference(problem, 0, 0.1).gradient == pytest.approx(gradient.numpy())


def test_functions_of_a_table_entry() -> None:
    (cubic,) = (each for each in categorical_one_hot(3) if "cubic" in each.name)
    table = torch.tensor([1.2, -0.8, 0.2], dtype=torch.float64)
    gradient = covariance(cubic.params.softmax(0), (table + 0.5) ** 3)
    assert find_reference(cubic, 0, 0.1).gradient == pytest.approx(gradient.numpy())

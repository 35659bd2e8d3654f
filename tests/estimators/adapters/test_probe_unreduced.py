"""Entries per category as a loss or as gradients: the known gradient that decides is right, and a near miss decides nothing."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.distributions import Bernoulli, OneHotCategorical

from gradverify.estimators.adapters import GradientConvention
from gradverify.estimators.adapters.probe_objective import ProbeObjective
from gradverify.estimators.adapters.probe_unreduced import _fits, expected_gradient
from gradverify.estimators.adapters.reading import PROBABILITIES

P = torch.tensor(PROBABILITIES, dtype=torch.float64)


def test_the_gradient_of_the_probes_objective_is_exact() -> None:
    """Against derivatives of the mean over all categories, and over all bits."""
    theta = P.log().requires_grad_()
    costs = ProbeObjective()(torch.eye(4, dtype=torch.float64))
    (slope,) = torch.autograd.grad(theta.softmax(-1) @ costs, theta)
    torch.testing.assert_close(expected_gradient("logits", bits=False), slope)
    chances = P.clone().requires_grad_()
    outcomes = torch.cartesian_prod(*[torch.tensor([0.0, 1.0], dtype=torch.float64)] * 4)
    joint = torch.where(outcomes > 0, chances, 1 - chances).prod(1)
    (slope,) = torch.autograd.grad(joint @ ProbeObjective()(outcomes), chances)
    torch.testing.assert_close(expected_gradient("probs", bits=True), slope)
    torch.testing.assert_close(expected_gradient("logits", bits=True), slope * P * (1 - P))


def rows_of(form: str) -> Tensor:
    """Return rows of the score function at the probing law, in logits."""
    torch.manual_seed(0)
    law: Any = OneHotCategorical(P.expand(8192, 4)) if form == "one-hot" else Bernoulli(P.expand(8192, 4))
    sample = law.sample()
    return ProbeObjective()(sample).unsqueeze(-1) * (sample - P)  # type: ignore[no-any-return]


@pytest.mark.parametrize("form", ["one-hot", "value"])
def test_only_the_right_mean_fits(form: str) -> None:
    """False-fail rate below 1e-5 of a probe; half of the gradient and its negative would have been seen."""
    convention, rows = GradientConvention(takes="logits", returns=form), rows_of(form)
    assert _fits(rows, convention)
    assert not _fits(0.5 * rows, convention)
    assert not _fits(-rows, convention)
    assert not _fits(rows[:16], convention)  # too few to say anything
    assert not _fits(torch.zeros(0), convention)

"""Slopes along a path, against derivatives by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.distributions import Bernoulli

from gradverify.estimators import MarkovProgram
from gradverify.verification.truth.chains.chain import ChainError
from gradverify.verification.truth.chains.slopes import sample_slopes

from .programs import drifting


def one_hot(params: torch.Tensor, state: torch.Tensor, k: int) -> torch.distributions.OneHotCategorical:
    return torch.distributions.OneHotCategorical(logits=torch.zeros(len(state), 2))


def test_slopes_are_the_derivatives_by_hand() -> None:
    """P(up) = sigmoid(params + 0.3 x), next state x^2 + (1 + x) z, objective x^3 / 3 on the states 0, 1, 2."""
    states = torch.arange(3, dtype=torch.float64)
    program = MarkovProgram(
        num_steps=2,
        initial=torch.zeros_like,
        site=lambda params, state, k: Bernoulli(torch.sigmoid(params + 0.3 * state)),
        step=lambda state, value, k: state**2 + (1 + state) * value,
        objective=lambda state: state**3 / 3,
        states=states,
    )
    slopes = sample_slopes(program, torch.tensor(0.2))
    x = states.numpy()
    up = 1 / (1 + np.exp(-(0.2 + 0.3 * x)))
    bend = 0.3 * up * (1 - up)
    assert slopes.probability.shape == (1, 3, 2)
    np.testing.assert_allclose(slopes.probability[0], np.stack([-bend, bend], 1), atol=1e-7)  # the parameter is single
    np.testing.assert_allclose(slopes.carry[0], np.stack([2 * x, 2 * x + 1], 1), rtol=1e-12)
    np.testing.assert_allclose(slopes.push[0], np.stack([1 + x, 1 + x], 1), rtol=1e-12)
    np.testing.assert_allclose(slopes.objective, x**2, rtol=1e-12)


def test_values_that_are_no_index_have_no_slope() -> None:
    with pytest.raises(ChainError, match="OneHotSite"):
        sample_slopes(replace(drifting(), site=one_hot), torch.tensor(0.5))

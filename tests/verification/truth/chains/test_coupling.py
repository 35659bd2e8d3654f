"""Couplings: their marginals, and that they keep states together as much as they can."""

from __future__ import annotations

import numpy as np
import pytest

from gradverify.verification.truth.chains.coupling import couple_by_uniforms, couple_maximally


def laws(rows: int, outcomes: int, seed: int) -> np.ndarray:
    """Random probabilities, some of them zero."""
    drawn = np.random.default_rng(seed).gamma(0.5, size=(rows, outcomes))
    drawn[::3, 0] = 0.0
    return drawn / drawn.sum(1, keepdims=True)


@pytest.mark.parametrize("outcomes", [2, 3, 5])
def test_common_uniforms_have_the_marginals(outcomes: int) -> None:
    a, b, c = (laws(20, outcomes, seed) for seed in range(3))
    joint = couple_by_uniforms(a, b, c)
    assert joint.shape == (20, outcomes, outcomes, outcomes)
    np.testing.assert_allclose(joint.sum((2, 3)), a, rtol=0, atol=1e-15)
    np.testing.assert_allclose(joint.sum((1, 3)), b, rtol=0, atol=1e-15)
    np.testing.assert_allclose(joint.sum((1, 2)), c, rtol=0, atol=1e-15)
    np.testing.assert_allclose(joint.sum(3), couple_by_uniforms(a, b), rtol=0, atol=1e-15)


def test_common_uniforms_of_one_law_are_equal() -> None:
    law = laws(20, 4, 0)
    np.testing.assert_allclose(couple_by_uniforms(law, law), law[:, :, None] * np.eye(4), rtol=0, atol=1e-15)


@pytest.mark.parametrize("outcomes", [2, 3, 5])
def test_maximal_coupling(outcomes: int) -> None:
    """Its marginals, and the largest probability of moving alike that any coupling has: ``sum_z min(P, P')``."""
    primal, beside = laws(20, outcomes, 0), laws(20, outcomes, 1)
    joint = primal[:, :, None] * couple_maximally(primal, beside)
    np.testing.assert_allclose(joint.sum(2), primal, rtol=0, atol=1e-15)
    np.testing.assert_allclose(joint.sum(1), beside, rtol=0, atol=1e-15)
    alike = np.einsum("nzz->n", joint)
    np.testing.assert_allclose(alike, np.minimum(primal, beside).sum(1), rtol=0, atol=1e-15)

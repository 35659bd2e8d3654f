"""Flows: what leaves and what arrives adds up to the derivative, whatever the flow."""

from __future__ import annotations

import numpy as np
import pytest

from gradverify.verification.truth.chains.chain import NO_OUTCOME, ChainError, Tables
from gradverify.verification.truth.chains.flows import FLOWS, flow_mixture, inversion_jumps


def tables(outcomes: int, *, impossible: int | None = None) -> Tables:
    generator = np.random.default_rng(outcomes)
    probability = generator.gamma(1.0, size=(30, outcomes))
    derivative = generator.normal(size=(30, outcomes))
    if impossible is not None:
        probability[:, impossible] = derivative[:, impossible] = 0.0
    probability /= probability.sum(1, keepdims=True)
    shift = np.where(probability > 0, probability, 0.0) * derivative.sum(1, keepdims=True)
    return Tables(probability, derivative - shift, np.zeros((30, outcomes), dtype=np.int64))


def balance(given: Tables, rates: np.ndarray) -> np.ndarray:
    """``sum_z P(z) R(z -> y) - P(y) sum_z' R(y -> z')``."""
    return np.einsum("xz,xzy->xy", given.probability, rates) - given.probability * rates.sum(2)


@pytest.mark.parametrize("outcomes", [2, 3, 5])
@pytest.mark.parametrize("flow", FLOWS)
def test_a_flow_balances_the_derivative(flow: str, outcomes: int) -> None:
    given = tables(outcomes)
    rates = flow_mixture(given, {flow: 1.0})
    np.testing.assert_allclose(balance(given, rates), given.derivative, rtol=0, atol=1e-12)
    assert (np.einsum("xzz->xz", rates) == 0).all()


def test_mixtures_are_flows_if_their_shares_add_up_to_one() -> None:
    given = tables(4)
    for shares, whole in (({"leave_one_out": 2.0, "upward": -0.3, "downward": -0.7}, 1.0), ({"upward": 0.5}, 0.5)):
        np.testing.assert_allclose(balance(given, flow_mixture(given, shares)), whole * given.derivative, rtol=0, atol=1e-12)


@pytest.mark.parametrize("impossible", [None, 0, 1, 2])
def test_inversion_jumps_are_a_flow_of_positive_rates(impossible: int | None) -> None:
    given = tables(4, impossible=impossible)
    rates = inversion_jumps(given)
    assert (rates >= 0).all()
    np.testing.assert_allclose(balance(given, rates), given.derivative, rtol=0, atol=1e-12)
    if impossible is not None:
        assert (rates[:, :, impossible] == 0).all()
        assert (rates[:, impossible] == 0).all()


def test_an_impossible_outcome_turns_every_flow_into_the_leave_one_out_flow() -> None:
    given = tables(3, impossible=1)
    np.testing.assert_array_equal(flow_mixture(given, {"upward": 1.0}), flow_mixture(given, {"leave_one_out": 1.0}))


def test_an_outcome_that_a_step_does_not_have_changes_nothing() -> None:
    given = tables(3)
    padded = Tables(*(np.pad(each, ((0, 0), (0, 1))) for each in (given.probability, given.derivative)), _successor(given))
    np.testing.assert_allclose(flow_mixture(padded, {"upward": 1.0})[:, :3, :3], flow_mixture(given, {"upward": 1.0}))


def test_an_unknown_flow_is_named() -> None:
    with pytest.raises(ChainError, match="flow 'sideways'; expected one of leave_one_out"):
        flow_mixture(tables(2), {"sideways": 1.0})


def _successor(given: Tables) -> np.ndarray:
    return np.pad(given.successor, ((0, 0), (0, 1)), constant_values=NO_OUTCOME)

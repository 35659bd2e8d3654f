"""Flows move probability as the parameters do: the balance equation, at every category, for every flow."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from gradverify.estimators.alternatives import flows
from gradverify.estimators.alternatives.flows import FLOWS, combine, flow_rates

P = torch.tensor([0.15, 0.3, 0.05, 0.4, 0.1], dtype=torch.float64)
SLOPE = torch.tensor([0.2, -0.5, 0.35, 0.1, -0.15], dtype=torch.float64)
SHARES = {"leave_one_out": 1.4, "upward": -0.7, "downward": 0.3}


def every_rate(flow: str, probabilities: Tensor = P, slope: Tensor = SLOPE) -> Tensor:
    """R(z -> z') as a matrix ``[z, z']``: every category drawn once."""
    size = len(probabilities)
    mass, chances = (each.unsqueeze(1).expand(size, size) for each in (slope, probabilities))
    return flow_rates(flow, mass, chances, torch.arange(size)).T


def surplus(rates: Tensor, probabilities: Tensor = P, slope: Tensor = SLOPE) -> Tensor:
    """``sum_z P(z) R(z -> y) - P(y) sum_z' R(y -> z') - dP(y)``, zero for a flow."""
    return probabilities @ rates - probabilities * rates.sum(1) - slope


@pytest.mark.parametrize("flow", FLOWS)
def test_flows_balance(flow: str) -> None:
    rates = every_rate(flow)
    assert surplus(rates).abs().max() < 1e-15
    assert (rates.diagonal() == 0).all()


@pytest.mark.parametrize("flow", FLOWS)
@pytest.mark.parametrize("opened", [0.0, 0.25])
def test_flows_balance_where_a_category_is_impossible(flow: str, opened: float) -> None:
    """Also where the parameters are about to open it."""
    probabilities = torch.tensor([0.2, 0.0, 0.5, 0.3], dtype=torch.float64)
    slope = torch.tensor([0.1, opened, -0.3, 0.2 - opened], dtype=torch.float64)
    assert surplus(every_rate(flow, probabilities, slope), probabilities, slope).abs().max() < 1e-15


def test_one_sided_rates_are_those_of_inversion() -> None:
    """Positive, and never both to the left and to the right of one cumulative sum."""
    rates = every_rate("one_sided")
    assert (rates >= 0).all()
    assert not ((rates.diagonal(1) > 0) & (rates.diagonal(-1) > 0)).any()
    assert every_rate("upward").min() < 0


def test_mixtures_of_flows_are_flows_and_other_mixtures_are_not() -> None:
    size = len(P)
    mass, chances = (each.unsqueeze(1).expand(size, size) for each in (SLOPE, P))
    mixed = combine(SHARES, mass, chances, torch.arange(size)).T
    assert surplus(mixed).abs().max() < 1e-14
    doubled = combine({**SHARES, "upward": 0.3}, mass, chances, torch.arange(size)).T
    assert surplus(doubled).abs().max() > 0.1


@pytest.mark.parametrize(
    ("flow", "planted"),
    [
        ("upward", lambda above, below: above.clamp(min=0)),
        ("downward", lambda above, below: below.clamp(min=0)),
        ("one_sided", lambda above, below: above.clamp(min=0)),
        ("one_sided", lambda above, below: above.abs() + below.abs()),
    ],
)
def test_planted_flows_do_not_balance(flow: str, planted: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """Signs dropped from the flows that need them, one side of the one-sided flow left out, signs lost."""
    monkeypatch.setitem(flows._NEIGHBOURS, flow, planted)
    assert surplus(every_rate(flow)).abs().max() > 0.1

"""The epidemic on a ring: its two exact gradients against each other, its sites, its names."""

from __future__ import annotations

import pytest
import torch

from gradverify.estimators import TargetError
from gradverify.estimators.enumeration import enumerate_paths
from gradverify.verification.problems import agents as family
from gradverify.verification.problems import find_problems, probe
from gradverify.verification.problems.agents import agents
from gradverify.verification.problems.objectives import Objective, indicator, polynomial
from gradverify.verification.truth.references import find_reference

RATES = torch.tensor([0.7, 0.3], dtype=torch.float64)


@pytest.mark.parametrize("count", [2, 3])
@pytest.mark.parametrize("objective", [polynomial("square", 2), indicator(1.5)], ids=["square", "indicator"])
def test_joint_states_give_what_enumerated_paths_give(count: int, objective: Objective) -> None:
    program = family._program(count, objective)
    expected = enumerate_paths(program, RATES).gradient()
    torch.testing.assert_close(family._exact(count, objective, RATES), expected, rtol=1e-12, atol=1e-12)


def test_a_planted_bug_in_the_transitions_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    """A ring that is open at one end is another graph."""
    program = family._program(3, polynomial("square", 2))
    monkeypatch.setattr(family, "_ring", lambda count: torch.diag(torch.ones(count - 1).double(), 1))
    with pytest.raises(AssertionError):
        torch.testing.assert_close(family._exact(3, polynomial("square", 2), RATES), enumerate_paths(program, RATES).gradient())


def test_two_agents_by_hand() -> None:
    """Both are infected unless none of two days infects: the second day counts only if the first agent has not healed."""
    gamma = float(RATES[1])
    escape = torch.exp(-RATES[0]).item()
    never = escape * (gamma + (1 - gamma) * escape)
    (whole,) = [each for each in agents(2) if "indicator" in each.name]
    paths = enumerate_paths(whole.program, RATES)
    assert paths.mean().item() == pytest.approx(1 - never)
    by_hand = [escape * (gamma + 2 * (1 - gamma) * escape), -escape * (1 - escape)]
    assert paths.gradient().tolist() == pytest.approx(by_hand)


def test_all_agents_share_a_site() -> None:
    for each in agents(5):
        seen = probe(each)
        assert (seen.num_sites, seen.elements) == (4, 20)


def test_small_ones_are_exact_and_large_ones_are_sampled() -> None:
    kinds = [find_reference(agents(count)[0], 0, 0.1).kind for count in (3, 4, 6)]
    assert kinds == ["exact (enumeration)", "exact (given)", "likelihood ratio"]


def test_sizes_are_made_on_demand() -> None:
    assert [each.name for each in find_problems(["agents:4"], quick=False)] == [
        "agents:4/square/rates",
        "agents:4/indicator/rates",
    ]
    with pytest.raises(TargetError, match="'1' is not a size of agents"):
        find_problems(["agents:1"], quick=False)

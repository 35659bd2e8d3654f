"""Plans: options held to their ranges, the error budget spent once, and chunks that depend on the problem alone."""

from __future__ import annotations

from itertools import islice
from typing import Any

import pytest
import torch
from torch.distributions import Bernoulli

from gradverify.estimators import LeaveOneOut, ScoreFunction
from gradverify.verification.plan import PROFILES, ErrorBudget, chunk_rows, settle
from gradverify.verification.problems.problem import Probe


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"profile": "slow"}, "profile='slow'; expected one of quick, standard, thorough"),
        ({"expect": "nothing"}, "expect='nothing'; expected one of claims, unbiased, biased, any"),
        ({"alpha": 0.0}, "alpha=0; expected a number above 0 and below 0.5"),
        ({"alpha": 0.9}, "alpha=0.9; expected a number above 0 and below 0.5"),
        ({"alpha": float("nan")}, "alpha=nan"),
        ({"tolerance": -0.1}, "tolerance=-0.1; expected a number above 0"),
        ({"tolerance": float("inf")}, "tolerance=inf"),
        ({"budget": 0.0}, "budget=0; expected a number above 0"),
        ({"seed": -1}, "seed=-1; expected a number that is not negative"),
        ({"device": "tpu"}, "device='tpu'; expected 'cpu' or 'cuda'"),
    ],
)
def test_an_option_out_of_range_is_refused_by_name(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said.replace(".", r"\.")):
        settle(**options)


@pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU is there")
def test_a_device_that_is_not_there_is_refused() -> None:
    with pytest.raises(ValueError, match="device 'cuda' was asked for and PyTorch sees none; use 'cpu'"):
        settle(device="cuda")


def test_a_tolerance_replaces_the_profile_s() -> None:
    chosen = settle(profile="standard", tolerance=0.04).profile
    assert (chosen.r_accept, chosen.r_target) == (0.04, 0.02)
    assert chosen.max_rows == PROFILES["standard"].max_rows
    assert settle().profile == PROFILES["quick"]


@pytest.mark.parametrize(("cells", "others"), [(1, 2), (300, 900), (0, 0)])
def test_the_budget_is_spent_once(cells: int, others: int) -> None:
    budget = ErrorBudget(1e-3, cells, others)
    assert cells * budget.per_cell + others * budget.per_other_test <= 1e-3 * (1 + 1e-12)
    if cells and others:
        assert cells * budget.per_cell == pytest.approx(0.8e-3)
        assert others * budget.per_other_test == pytest.approx(0.2e-3)


def test_the_rule_says_the_numbers() -> None:
    said = ErrorBudget(1e-3, 100, 50).rule
    assert "0.001 for the run" in said
    assert "100 bias cells (8e-06 each" in said


def a_probe(categories: int) -> Probe:
    return Probe(frozenset({Bernoulli}), categories // 2, categories // 2, categories)


def test_chunks_double_up_to_what_memory_holds() -> None:
    sizes = list(islice(chunk_rows(ScoreFunction(), a_probe(2)), 9))
    assert sizes == [2048, 2048, 4096, 8192, 16384, 32768, 65536, 65536, 65536]
    # Two chunks of one size at the start, so that a seed which is not heeded shows at once.
    assert sizes[0] == sizes[1]


@pytest.mark.parametrize("categories", [2, 200, 2000, 10**6])
def test_a_chunk_holds_at_most_2_to_the_23_numbers_unless_it_is_the_smallest(categories: int) -> None:
    for group in (2, 8):
        largest = max(islice(chunk_rows(LeaveOneOut(group), a_probe(categories)), 12))
        assert largest == 2048 or largest * categories * group <= 2**23

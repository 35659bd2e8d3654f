"""Candidate jumps: both flows move probability exactly as the parameters do.

The identity ``sum_i p_i R(i -> j) - p_j sum_k R(j -> k) = dp_j`` is checked with R read off the jumps. Where the side of a
jump is random, frequencies are tested at a two-sided false-fail rate of 9.6e-7 a coordinate.
"""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from gradverify.estimators.alternatives.jumps import Jump, leave_one_out_jump, one_sided_jump
from gradverify.estimators.sites.reading import BernoulliSite, CategoricalSite, OneHotSite

from ..intervals import QUANTILE, smallest_visible, z_scores

COPIES = 40_000
PROBS = torch.tensor([0.15, 0.35, 0.3, 0.2], dtype=torch.float64)
TANGENTS = {
    "upwards": torch.tensor([-0.3, 0.0, 0.1, 0.2], dtype=torch.float64),
    "downwards": torch.tensor([0.5, -0.2, -0.2, -0.1], dtype=torch.float64),
    "both": torch.tensor([0.2, -0.5, 0.7, -0.4], dtype=torch.float64),
}


def _every_index(categories: int) -> Tensor:
    """Rows of each index, one block after the other."""
    return torch.arange(categories).repeat_interleave(COPIES)


def _flow(jump: Jump, categories: int) -> Tensor:
    """``R(i -> j)`` estimated by the blocks' mean rate towards j, ``[categories, categories]``."""
    rates = torch.nn.functional.one_hot(jump.alternative.long(), categories) * jump.rate.unsqueeze(1)
    return rates.reshape(categories, COPIES, categories).mean(1)


def _balance(flow: Tensor, probs: Tensor) -> Tensor:
    return probs @ flow - probs * flow.sum(1)


@pytest.mark.parametrize("name", TANGENTS)
def test_one_sided_jumps_of_an_index_move_its_probability(name: str) -> None:
    tangent = TANGENTS[name]
    index = _every_index(4)
    site = CategoricalSite(PROBS.expand(len(index), 4))
    jump = one_sided_jump(site, tangent.expand(len(index), 4), index, torch.Generator().manual_seed(1))
    assert jump.density is None
    assert (jump.rate >= 0).all()
    moved = (jump.alternative - index).abs()
    assert (moved[jump.rate > 0] == 1).all(), "only neighbours"
    flow = _flow(jump, 4)
    # L_i = dp_0 + ... + dp_i: to the left at L_{i-1} / p_i, to the right at -L_i / p_i.
    cumulative = torch.nn.functional.pad(tangent.cumsum(0)[:-1], (1, 1))
    left, right = cumulative[:-1].clamp(min=0) / PROBS, (-cumulative[1:]).clamp(min=0) / PROBS
    torch.testing.assert_close(flow.sum(1), left + right)
    for i in range(4):
        block = jump.alternative[i * COPIES : (i + 1) * COPIES]
        if left[i] > 0 and right[i] > 0:
            rightwards = (block > i).double()
            assert z_scores(rightwards, right[i] / (left[i] + right[i])) < QUANTILE
            assert smallest_visible(rightwards) < 0.02
        elif left[i] + right[i] > 0:
            assert (block == (i + 1 if right[i] > 0 else i - 1)).all()
    if name != "both":
        torch.testing.assert_close(_balance(flow, PROBS), tangent)


def test_some_jumps_have_two_sides() -> None:
    """Otherwise the test above never tossed its coin."""
    cumulative = TANGENTS["both"].cumsum(0)
    assert ((cumulative[:-1] > 0)[:-1] & (cumulative[1:] < 0)[:-1]).any()


@pytest.mark.parametrize("tangent", [0.7, -0.4, 0.0])
@pytest.mark.parametrize("p", [0.3, 0.0, 1.0])
def test_one_sided_jumps_of_a_bit_move_its_probability(p: float, tangent: float) -> None:
    index = _every_index(2).bool()
    site = BernoulliSite(torch.full((len(index),), p, dtype=torch.float64))
    jump = one_sided_jump(site, torch.full_like(site.probs, tangent), index, torch.Generator())
    assert torch.equal(jump.alternative, ~index)
    probs = torch.tensor([1 - p, p], dtype=torch.float64)
    possible = probs[index.long()] > 0
    rate = torch.where(possible, jump.rate, 0.0)
    flow = _flow(Jump(rate, jump.alternative, None), 2)
    if (p < 1 or tangent < 0) and (p > 0 or tangent > 0):
        torch.testing.assert_close(_balance(flow, probs), torch.tensor([-tangent, tangent], dtype=torch.float64))


def test_leave_one_out_jumps_propose_the_others_in_proportion() -> None:
    index = _every_index(4)
    for kind in (CategoricalSite, OneHotSite):
        jump = leave_one_out_jump(kind(PROBS.expand(len(index), 4)), index, torch.Generator().manual_seed(1))
        assert jump.density is not None
        assert not (jump.alternative == index).any()
        torch.testing.assert_close(jump.rate, (1 - PROBS.square().sum()).expand(len(index)))
        torch.testing.assert_close(jump.density, PROBS[jump.alternative] / (1 - PROBS[index]))
        for i in range(4):
            hits = torch.nn.functional.one_hot(jump.alternative[i * COPIES : (i + 1) * COPIES], 4).double()
            expected = PROBS.clone().index_fill(0, torch.tensor([i]), 0.0) / (1 - PROBS[i])
            assert (z_scores(hits, expected) < QUANTILE).all()
            assert (smallest_visible(hits) < 0.02).all()


def test_leave_one_out_jumps_of_a_bit_are_flips() -> None:
    site = BernoulliSite(torch.tensor([0.3, 0.3], dtype=torch.float64))
    jump = leave_one_out_jump(site, torch.tensor([True, False]), torch.Generator())
    assert jump.alternative.tolist() == [False, True]
    assert jump.rate.tolist() == pytest.approx([2 * 0.3 * 0.7] * 2)
    assert jump.density is not None
    assert jump.density.tolist() == [1.0, 1.0]


def test_a_certain_outcome_has_no_jump() -> None:
    certain = torch.tensor([[0.0, 1.0, 0.0]], dtype=torch.float64)
    jump = leave_one_out_jump(CategoricalSite(certain), torch.tensor([1]), torch.Generator())
    assert jump.rate.tolist() == [0.0]
    assert jump.density is not None
    assert jump.density.isfinite().all()
    still = one_sided_jump(CategoricalSite(certain), torch.zeros_like(certain), torch.tensor([1]), torch.Generator())
    assert still.rate.tolist() == [0.0]
    assert 0 <= int(still.alternative) < 3


def test_jumps_keep_the_shape_of_their_site() -> None:
    site = CategoricalSite(PROBS.expand(5, 2, 3, 4))
    index = torch.randint(0, 4, (5, 2, 3), generator=torch.Generator().manual_seed(1))
    for jump in (
        leave_one_out_jump(site, index, torch.Generator()),
        one_sided_jump(site, TANGENTS["both"].expand(5, 2, 3, 4), index, torch.Generator()),
    ):
        assert jump.rate.shape == jump.alternative.shape == (5, 2, 3)

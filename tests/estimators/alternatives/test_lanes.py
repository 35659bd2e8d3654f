"""Lanes: the maximal coupling's law, merging that keeps sums, and thinning that keeps means."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.distributions import Categorical

from gradverify.estimators import MarkovProgram
from gradverify.estimators.alternatives import lanes
from gradverify.estimators.alternatives.lanes import Lanes, Moves, couple, merge
from gradverify.estimators.conditional_triples import ConditionalTriple
from gradverify.estimators.enumeration import enumerate_paths
from gradverify.estimators.runs.exact import enumerate_branches, exact_moments

P = torch.tensor([0.5, 0.2, 0.3], dtype=torch.float64)
BESIDE = torch.tensor([[0.1, 0.6, 0.3], [0.5, 0.5, 0.0]], dtype=torch.float64)
WEIGHT = torch.tensor([0.4, 1.0, 0.3, 0.8], dtype=torch.float64)
STATES = torch.tensor([3.0, 5.0, 3.0, 7.0], dtype=torch.float64)


def coupling() -> Tensor:
    """C(z' | z) of both lanes at every outcome z: ``[lanes, z', z]``."""
    return couple(P.unsqueeze(1).expand(3, 3), BESIDE.unsqueeze(2).expand(2, 3, 3), torch.arange(3))


def spreading() -> MarkovProgram:
    """Three moves of different lengths, their odds moved by the state: lanes part and meet."""

    def site(params: Tensor, state: Tensor, k: int) -> Categorical:
        return Categorical(logits=torch.stack((params[:, 0] * state, params[:, 1] - 0.3 * state, 0.2 * params.sum(-1)), -1))

    return MarkovProgram(
        num_steps=3,
        initial=lambda params: torch.zeros_like(params[:, 0]),
        site=site,
        step=lambda state, value, k: state + value - 0.5,
        objective=lambda state: (state + 1) ** 3,
    )


POINT = torch.tensor([0.4, -0.7], dtype=torch.float64)


def test_coupled_moves_have_the_lanes_own_law() -> None:
    """``sum_z P(z) C(z' | z) = P'(z')``, and the primal's move is repeated as often as any coupling can."""
    moved = coupling()
    torch.testing.assert_close(moved @ P, BESIDE)
    torch.testing.assert_close(moved.sum(1), torch.ones(2, 3, dtype=torch.float64))
    together = moved.diagonal(dim1=1, dim2=2) @ P
    torch.testing.assert_close(together, torch.minimum(P, BESIDE).sum(1))


def test_equal_states_merge_and_keep_their_sum() -> None:
    found, lane, scale = merge(STATES.unsqueeze(1), WEIGHT.unsqueeze(1), torch.zeros(1).double(), 4, torch.Generator())
    assert scale is None
    assert found.states.flatten().tolist() == [5.0, 7.0, 3.0]
    assert found.magnitude.flatten().tolist() == pytest.approx([1.0, 0.8, 0.7])
    assert lane.flatten().tolist() == [3, 1, 3, 2]


def test_dropped_candidates_ask_for_nothing() -> None:
    found, lane, _ = merge(STATES.unsqueeze(1), torch.zeros(4, 1).double(), torch.zeros(1).double(), 2, torch.Generator())
    assert len(found.states) == 0
    assert not lane.any()


@pytest.mark.parametrize("limit", [1, 2])
def test_thinning_keeps_the_mean_of_every_candidate(limit: int) -> None:
    """Over all outcomes of the thinning, ``E[scale 1[kept]]`` is one for each candidate."""

    def kept(program: object, params: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
        candidates, weight = (each.unsqueeze(1).expand(-1, num_samples) for each in (STATES, WEIGHT))
        _, lane, scale = merge(candidates, weight, torch.zeros(num_samples).double(), limit, generator)
        assert scale is not None
        return ((lane > 0) * scale).T

    mean = enumerate_branches(kept, lambda params, sample: params, torch.zeros(4, dtype=torch.float64)).mean()
    torch.testing.assert_close(mean, torch.ones(4, dtype=torch.float64))


def test_values_are_pulled_back_through_the_coupling() -> None:
    """One lane of two categories: it kept its move with 0.7, its other move landed on the primal, lane 0."""
    moves = Moves(torch.tensor([[[0.7], [0.3]]]), torch.tensor([[[0], [2]], [[1], [0]]]), None)
    alternatives, before = moves.pull_back(torch.tensor([[10.0], [4.0]]))
    assert alternatives.tolist() == [[0.0], [4.0]]
    assert before.flatten().tolist() == pytest.approx([7.0])
    assert Lanes.none(torch.zeros(3)).gains(spreading(), torch.zeros(3)).shape == (0, 3)


@pytest.mark.parametrize("limit", [1, 2, 8])
def test_any_number_of_lanes_is_unbiased(limit: int) -> None:
    mean, _ = exact_moments(ConditionalTriple(lanes=limit), spreading(), POINT)
    torch.testing.assert_close(mean, enumerate_paths(spreading(), POINT).gradient(), rtol=1e-10, atol=1e-10)


def _full_ratio(probabilities: Tensor, beside: Tensor, index: Tensor) -> Tensor:
    drawn = index.expand(len(beside), 1, -1)
    repeats = beside.gather(1, drawn) / probabilities.gather(0, index.unsqueeze(0))
    return torch.zeros_like(beside).scatter(1, drawn, repeats)


def _no_residual(probabilities: Tensor, beside: Tensor, index: Tensor) -> Tensor:
    drawn = index.expand(len(beside), 1, -1)
    repeats = (beside.gather(1, drawn) / probabilities.gather(0, index.unsqueeze(0))).clamp(max=1)
    return torch.zeros_like(beside).scatter(1, drawn, repeats)


@pytest.mark.parametrize(("planted", "law"), [(_full_ratio, True), (_no_residual, False)])
def test_planted_couplings_are_caught(planted: object, law: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """The full ratio keeps the law where supports agree, and is no probability; without its residual a lane loses mass."""
    monkeypatch.setattr(lanes, "couple", planted)
    chances = planted(P.unsqueeze(1).expand(3, 3), BESIDE.unsqueeze(2).expand(2, 3, 3), torch.arange(3))  # type: ignore[operator]
    assert bool(torch.allclose(chances @ P, BESIDE)) == law
    assert (chances > 1).any() or not law
    if not law:
        mean, _ = exact_moments(ConditionalTriple(lanes=8), spreading(), POINT)
        assert (mean - enumerate_paths(spreading(), POINT).gradient()).abs().max() > 1e-2


def test_planted_scale_that_is_forgotten_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = lanes.merge
    monkeypatch.setattr(lanes, "merge", lambda *given: (*plain(*given)[:2], None))
    mean, _ = exact_moments(ConditionalTriple(lanes=1), spreading(), POINT)
    assert (mean - enumerate_paths(spreading(), POINT).gradient()).abs().max() > 1e-2

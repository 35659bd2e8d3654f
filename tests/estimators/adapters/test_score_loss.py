"""Surrogate losses of log-probabilities and costs: exact means on any program, ties, signs, and planted bugs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from gradverify.estimators import NoGradientPathError, Sample
from gradverify.estimators.adapters import ForeignError, ForeignHints, ForeignScoreLoss, adapt, as_estimator, convention_of

from ..intervals import QUANTILE, smallest_visible, z_scores
from . import shapes
from .test_black_box import LOGITS, exact, index_square, one_hot_cubic, seeded, three_bits

LOSSES: list[tuple[Any, dict[str, Any]]] = [
    (shapes.score_rows, {"reduction": "rows", "rewards": False, "right_value": False, "carries": True}),
    (shapes.score_mean, {"reduction": "mean", "rewards": False, "gain": False, "carries": False}),
    (shapes.score_sum, {"reduction": "sum", "rewards": False}),
    (shapes.policy_loss, {"reduction": "mean", "rewards": True, "gain": False}),
    (shapes.magic_box, {"reduction": "rows", "right_value": True}),
    (shapes.single_score, {"reduction": "rows", "passed": "float32"}),
    (shapes.OthersBaseline, {"reduction": "mean", "rewards": True, "group": 2, "evaluations": 2}),
]


def two_sites(params: Tensor, sample: Sample) -> Tensor:
    """The second site depends on the first, and the parameters enter beside them."""
    return one_hot_cubic(params, sample) * index_square(params, sample)


def rows_of(target: Any, program: Any, count: int = 1500, hints: ForeignHints | None = None) -> Tensor:
    return as_estimator(target, "mine", hints)(program, LOGITS, count, seeded(3))


@pytest.mark.parametrize(("target", "expected"), LOSSES, ids=[each[0].__name__ for each in LOSSES])
def test_a_loss_is_found_for_what_it_is(target: Any, expected: dict[str, Any]) -> None:
    convention = convention_of(as_estimator(target, "mine"))
    assert (convention.kind, convention.takes) == ("surrogate loss", "log-probabilities")
    assert {name: getattr(convention, name) for name in expected} == expected
    assert ("rewards (costs, negated)" in convention.sentence()) == convention.rewards


def score_and_own(log_prob: Tensor, cost: Tensor) -> Tensor:
    """The score part of detached costs, and the costs' own gradient."""
    return (log_prob * cost.detach() + cost).mean()


def own_in_place(log_prob: Tensor, cost: Tensor) -> Tensor:
    """The same, with a cost that is changed in place."""
    detached = cost.detach().clone()
    cost += log_prob * detached
    return cost.sum()


def own_reward(log_prob: Tensor, reward: Tensor) -> Tensor:
    """The same of rewards, one row's baseline from the others."""
    others = (reward.sum() - reward).detach() / (len(reward) - 1)
    return -(log_prob * (reward.detach() - others) + reward).mean()


EVERYWHERE = [(score_and_own, two_sites), (own_in_place, two_sites), (own_reward, two_sites), (shapes.magic_box, two_sites)]


@pytest.mark.parametrize(("target", "program"), [*EVERYWHERE, *((each, three_bits) for each, _ in LOSSES)])
def test_an_unbiased_one_stays_so_on_any_program(target: Any, program: Any) -> None:
    """False-fail rate 9.6e-7 a coordinate; an error of the gradient's own size would have been seen."""
    truth, rows = exact(program), rows_of(target, program)
    assert float(z_scores(rows, truth).max()) < QUANTILE
    assert float(smallest_visible(rows).max()) < float(truth.abs().max())


@pytest.mark.parametrize(
    ("target", "wrong"),
    [
        (shapes.policy_loss, {"arguments": (("", "log_prob"), ("", "cost"))}),
        (shapes.policy_loss, {"gain": True}),
        (shapes.score_mean, {"reduction": "sum"}),
        (shapes.score_sum, {"reduction": "mean"}),
        (shapes.OthersBaseline, {"arguments": (("", "log_prob"), ("", "cost"))}),
    ],
)
def test_a_convention_that_is_wrong_shows(target: Any, wrong: dict[str, Any]) -> None:
    """The planted bug: each misreading moves the mean beyond the quantile."""
    sound = as_estimator(target, "mine")
    planted = adapt(sound.target, replace(convention_of(sound), **wrong))  # type: ignore[attr-defined]
    assert float(z_scores(planted(three_bits, LOGITS, 1500, seeded(3)), exact(three_bits)).max()) > QUANTILE


SCORES = {"forgotten": shapes.score_mean, "multiplied": shapes.score_rows}


@pytest.mark.parametrize("target", list(SCORES.values()), ids=list(SCORES))
def test_nothing_is_added_to_a_loss(target: Any) -> None:
    """The planted bugs: the costs' own gradient is forgotten, or is multiplied by the log-probability."""
    assert float(z_scores(rows_of(target, two_sites), exact(two_sites)).max()) > QUANTILE
    assert float(z_scores(rows_of(target, three_bits), exact(three_bits)).max()) < QUANTILE


def test_the_costs_own_gradient_can_be_cut() -> None:
    """Cut, all that is left of either loss is the score part; the same rows, so that the difference is no chance."""
    cut = ForeignHints(objective_gradient="cut")
    kept, without = rows_of(score_and_own, two_sites), rows_of(score_and_own, two_sites, hints=cut)
    assert torch.allclose(without, rows_of(shapes.score_mean, two_sites, hints=cut))
    assert not torch.allclose(kept, without)
    assert torch.equal(rows_of(shapes.score_rows, three_bits), rows_of(shapes.score_rows, three_bits, hints=cut))


@pytest.mark.parametrize("target", [shapes.wrong_sign, shapes.policy_gain])
def test_a_wrong_sign_is_reversed_whatever_the_argument_is_called(target: Any) -> None:
    """False-fail rate 9.6e-7 a coordinate: the mean is the negated gradient, unless the user says that it is ascended."""
    truth, rows = exact(three_bits), rows_of(target, three_bits)
    assert float(z_scores(rows, -truth).max()) < QUANTILE
    assert float(z_scores(rows, truth).max()) > QUANTILE
    ascended = rows_of(target, three_bits, hints=ForeignHints(maximize=True))
    assert torch.equal(ascended, -rows)


def weightless(log_prob: Tensor, cost: Tensor) -> Tensor:
    """Every row has the same weight, so that no covariance with the costs tells a sign."""
    return log_prob.mean() * cost.mean()


def weightless_rewards(log_prob: Tensor, reward: Tensor) -> Tensor:
    """The same loss of rewards."""
    return -log_prob.mean() * reward.mean()


def test_no_covariance_decides_a_sign() -> None:
    """The same loss twice; the cross terms are zero in the mean, so that half of the gradient is left of two rows."""
    costs, rewards = rows_of(weightless, three_bits, 2000), rows_of(weightless_rewards, three_bits, 2000)
    for rows in (costs, rewards):
        assert float(z_scores(rows, exact(three_bits) / 2).max()) < QUANTILE
        assert float(z_scores(rows, -exact(three_bits) / 2).max()) > QUANTILE


@pytest.mark.parametrize("batch", [2, 4])
def test_a_baseline_with_its_own_cost_is_short_by_one_part_in_the_batch(batch: int) -> None:
    """False-fail rate 9.6e-7 a coordinate; the mean of batches of another size would have been seen."""
    truth, rows = exact(three_bits), rows_of(shapes.own_baseline, three_bits, 2000, ForeignHints(batch=batch))
    assert float(z_scores(rows, truth * (1 - 1 / batch)).max()) < QUANTILE
    assert float(z_scores(rows, truth * (1 - 1 / (6 - batch))).max()) > QUANTILE


@pytest.mark.parametrize("target", [shapes.score_rows, shapes.OthersBaseline])
def test_a_louder_first_row_moves_the_first_replicate_alone(target: Any) -> None:
    def loud(params: Tensor, sample: Sample) -> Tensor:
        objective = three_bits(params, sample)
        return torch.cat((1e3 * objective[:1], objective[1:]))

    estimator = as_estimator(target, "mine")
    plain, scaled = (estimator(each, LOGITS, 16, seeded(1)) for each in (three_bits, loud))
    changed = (plain != scaled).any(1)
    assert bool(changed[0])
    assert not bool(changed[1:].any())


def test_a_loss_without_a_gradient_is_an_outcome() -> None:
    estimator = as_estimator(shapes.no_score, "mine")
    assert isinstance(estimator, ForeignScoreLoss)
    assert not convention_of(estimator).gradient_path
    with pytest.raises(NoGradientPathError, match="site 0: its log-probabilities require a gradient"):
        estimator(three_bits, LOGITS, 4, seeded())


def test_another_shape_than_was_probed_is_named() -> None:
    estimator = adapt(shapes.score_rows, replace(convention_of(as_estimator(shapes.score_rows, "mine")), reduction="mean"))
    with pytest.raises(ForeignError, match=r"it returned a loss of shape \(4,\) for 4 rows"):
        estimator(three_bits, LOGITS, 4, seeded())

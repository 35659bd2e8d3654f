"""Foreign losses and gradients as estimators: exact means, misreadings that show, and programs that they cannot serve."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.distributions import Bernoulli, Categorical, OneHotCategorical

from gradverify.estimators import Enumeration, NoGradientPathError, Sample
from gradverify.estimators.adapters import ForeignError, ForeignHints, adapt, as_estimator, convention_of

from ..intervals import QUANTILE, smallest_visible, z_scores
from . import foreign

LOGITS = torch.tensor([0.3, -0.5, 0.8, 0.1], dtype=torch.float64)
P = torch.tensor(0.3, dtype=torch.float64)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def one_hot_cubic(params: Tensor, sample: Sample) -> Tensor:
    """The parameters enter beside the site as well."""
    value = sample(OneHotCategorical(logits=params)) @ torch.tensor([0.5, -1.0, 0.3, 2.0], dtype=params.dtype)
    return (value + 0.4) ** 3 * (1 + params[:, 0])


def index_square(params: Tensor, sample: Sample) -> Tensor:
    return (sample(Categorical(logits=params)) - 0.7) ** 2


def three_bits(params: Tensor, sample: Sample) -> Tensor:
    return (sample(Bernoulli(logits=params[:, :3])).sum(-1) - 0.5) ** 3


def one_bit(params: Tensor, sample: Sample) -> Tensor:
    return (sample(Bernoulli(params)) + 1) ** 3


CATEGORIES = [
    foreign.reinforce_rows,
    foreign.reinforce_mean,
    foreign.reinforce_sum,
    foreign.MagicBox,
    foreign.leave_one_out,
    foreign.single_precision,
    foreign.batch_baseline,
    foreign.raw,
    foreign.raw_mean,
    foreign.numpy_gradient,
    foreign.all_categories,
    foreign.all_categories_of_logits,
    foreign.value_and_surrogate,
    foreign.gradient_and_score,
    foreign.mean_of_batch,
    foreign.one_point,
    foreign.guarded_pairs,
    foreign.guarded_batch,
    foreign.ten_inside,
]
BITS = [foreign.arm, foreign.MovingBaseline]
LOOPED = (foreign.MovingBaseline, foreign.batch_baseline, foreign.raw_mean, foreign.guarded_pairs, foreign.ten_inside)
"""Those that are called once for each replicate."""
EXACT = [
    *((target, program) for target in CATEGORIES for program in (one_hot_cubic, index_square)),
    *((target, three_bits) for target in BITS),
]


@cache
def estimator_of(target: Any) -> Any:
    """Return the target as an estimator; it is probed once for all tests."""
    return as_estimator(target, "mine", ForeignHints(takes="logits") if target is foreign.all_categories else None)


def replicates(estimator: Any, program: Any, count: int = 10_000) -> Tensor:
    looped = estimator.target in LOOPED or type(estimator.target) in LOOPED
    return estimator(program, LOGITS, 400 if looped else count, seeded(3))  # type: ignore[no-any-return]


def exact(program: Any, params: Tensor = LOGITS) -> Tensor:
    return Enumeration()(program, params, 1, seeded())[0]


def own_part(program: Any) -> Tensor:
    """Return the part of the gradient that does not pass through the samples."""

    def held(params: Tensor, sample: Sample) -> Tensor:
        return program(params, lambda law: sample(OneHotCategorical(logits=law.logits.detach())))  # type: ignore[no-any-return]

    return exact(held)


@pytest.mark.parametrize(("target", "program"), EXACT, ids=[f"{each[0].__name__}-{each[1].__name__}" for each in EXACT])
def test_the_mean_is_the_gradient_that_the_code_itself_gives(target: Any, program: Any) -> None:
    """False-fail rate 9.6e-7 a coordinate; an error of the gradient's own size would have been seen.

    A loss that detaches the objective lacks the objective's own gradient. Returned gradients have it added.
    """
    estimator = estimator_of(target)
    lacks = convention_of(estimator).is_loss and target is not foreign.MagicBox and program is one_hot_cubic  # type: ignore[attr-defined]
    truth = exact(program) - (own_part(program) if lacks else 0.0)
    if estimator.deterministic:
        torch.testing.assert_close(estimator(program, LOGITS, 3, seeded()), truth.expand(3, -1))
        return
    rows = replicates(estimator, program)
    assert float(z_scores(rows, truth).max()) < QUANTILE
    assert float(smallest_visible(rows).max()) < float(truth.abs().max())


def score_and_own(f: Any, logits: Tensor) -> Tensor:
    """The score part of a detached objective, and the objective's own gradient."""
    law = OneHotCategorical(logits=logits)
    z = law.sample()
    cost = f(z)
    return (law.log_prob(z) * cost.detach() + cost).mean()


def two_calls(f: Any, logits: Tensor) -> Tensor:
    """The same from two samples a row, whose costs come as (2, B), and the mean of which is taken."""
    law = OneHotCategorical(logits=logits)
    z = law.sample((2,))
    cost = f(z)
    return (law.log_prob(z) * cost.detach() + cost).mean()


def flattened(f: Any, logits: Tensor) -> Tensor:
    """The same again, with samples in one dimension, which do not show their rows."""
    law = OneHotCategorical(logits=logits)
    z = law.sample((2,))
    cost = f(z.flatten(0, 1)).reshape(2, -1)
    return (law.log_prob(z) * cost.detach() + cost).mean()


def own_alone(f: Any, logits: Tensor) -> Tensor:
    """No score part: right where the law does not depend on the parameters."""
    return f(OneHotCategorical(logits=logits).sample()).mean()  # type: ignore[no-any-return]


@pytest.mark.parametrize("target", [score_and_own, two_calls, flattened])
def test_a_loss_that_carries_the_objectives_own_gradient_is_unbiased(target: Any) -> None:
    """False-fail rate 9.6e-7 a coordinate; a missing own gradient would have been seen. Rows stay isolated."""
    rows = as_estimator(target, "mine")(one_hot_cubic, LOGITS, 1500, seeded(3))
    assert float(z_scores(rows, exact(one_hot_cubic)).max()) < QUANTILE
    assert float(z_scores(rows, exact(one_hot_cubic) - own_part(one_hot_cubic)).max()) > QUANTILE


def test_the_objectives_own_gradient_can_be_cut() -> None:
    """False-fail rate 9.6e-7 a coordinate; the own gradient would have been seen."""
    hints = ForeignHints(objective_gradient="cut")
    for target in (score_and_own, foreign.single_precision):
        estimator = as_estimator(target, "mine", hints)
        assert "handed over without its own gradient (cut)" in convention_of(estimator).sentence()
        rows = estimator(one_hot_cubic, LOGITS, 4000, seeded(3))
        assert float(z_scores(rows, exact(one_hot_cubic) - own_part(one_hot_cubic)).max()) < QUANTILE
        assert float(z_scores(rows, exact(one_hot_cubic)).max()) > QUANTILE


def data(params: Tensor, sample: Sample) -> Tensor:
    """Samples of a fixed law, and an objective of the parameters."""
    fixed = torch.tensor([0.1, 0.4, 0.3, 0.2], dtype=params.dtype).expand(len(params), -1)
    return ((sample(OneHotCategorical(fixed)) - params) ** 2).sum(-1)


def test_a_loss_whose_gradient_is_the_objectives_own_is_no_missing_gradient() -> None:
    """False-fail rate 9.6e-7 a coordinate."""
    estimator = as_estimator(own_alone, "mine")
    convention = convention_of(estimator)
    assert (convention.gradient_path, convention.carries, convention.reduction) == (False, True, "mean")  # type: ignore[attr-defined]
    assert float(z_scores(estimator(data, LOGITS, 4000, seeded(3)), exact(data)).max()) < QUANTILE
    with pytest.raises(NoGradientPathError, match="its logits require a gradient"):
        estimator(index_square, LOGITS, 4, seeded())


def of_a_reward(reward: Any, logits: Tensor) -> Tensor:
    """A loss of a reward that is a function."""
    law = OneHotCategorical(logits=logits)
    z = law.sample()
    return -(reward(z).detach() * law.log_prob(z)).mean()


def gradient_of_a_reward(reward_fn: Any, logits: Tensor) -> Tensor:
    """The gradients of a reward."""
    p = logits.detach().softmax(-1)
    z = OneHotCategorical(p).sample()
    return reward_fn(z).unsqueeze(-1) * (z - p)


@pytest.mark.parametrize("target", [of_a_reward, gradient_of_a_reward])
def test_a_function_that_is_called_a_reward_is_the_negated_objective(target: Any) -> None:
    """False-fail rate 9.6e-7 a coordinate; the other sign would have been seen."""
    estimator = as_estimator(target, "mine")
    assert "calls the reward (the objective, negated)" in convention_of(estimator).sentence()
    rows = estimator(index_square, LOGITS, 10_000, seeded(3))
    assert float(z_scores(rows, exact(index_square)).max()) < QUANTILE
    assert float(z_scores(-rows, exact(index_square)).max()) > QUANTILE


@pytest.mark.parametrize("target", [foreign.reinforce_rows, foreign.raw, foreign.MagicBox])
def test_one_bit_is_two_categories(target: Any) -> None:
    """False-fail rate 9.6e-7."""
    rows = estimator_of(target)(one_bit, P, 10_000, seeded())
    assert float(z_scores(rows, exact(one_bit, P))) < QUANTILE


@pytest.mark.parametrize(
    ("target", "wrong"),
    [
        (foreign.reinforce_mean, {"reduction": "sum"}),
        (foreign.reinforce_sum, {"reduction": "mean"}),
        (foreign.mean_of_batch, {"reduction": "rows"}),
        (foreign.one_point, {"reduction": "rows"}),
        (foreign.guarded_pairs, {"samples": 1}),
        (foreign.guarded_pairs, {"layout": "rows", "group": 2}),
        (foreign.reinforce_rows, {"takes": "probs"}),
        (foreign.MagicBox, {"takes": "logits"}),
    ],
)
def test_a_convention_that_is_wrong_shows(target: Any, wrong: dict[str, Any]) -> None:
    """The planted bug: each misreading moves the mean beyond the quantile, or cannot be run at all."""
    sound = estimator_of(target)
    planted = adapt(sound.target, replace(convention_of(sound), **wrong))  # type: ignore[attr-defined]
    try:
        rows = replicates(planted, index_square)
    except ValueError:  # probabilities below zero
        return
    assert float(z_scores(rows, exact(index_square)).max()) > QUANTILE


@pytest.mark.parametrize("target", [*CATEGORIES, *BITS], ids=lambda each: each.__name__)
def test_a_louder_first_row_moves_the_first_replicate_alone(target: Any) -> None:
    quiet = three_bits if target in BITS else index_square

    def loud(params: Tensor, sample: Sample) -> Tensor:
        objective = quiet(params, sample)
        factor = torch.ones_like(objective, requires_grad=False)
        factor[0] = 1e3
        return objective * factor

    estimator = estimator_of(target)
    plain, scaled = (estimator(each, LOGITS, 16, seeded(1)) for each in (quiet, loud))
    changed = (plain != scaled).any(1)
    assert bool(changed[0])
    assert bool(changed[1:].any()) == estimator.deterministic  # then all rows are one number


def test_rows_that_are_tied_would_show_without_their_group() -> None:
    """The planted bug: the same batch read as independent rows."""
    sound = as_estimator(foreign.batch_baseline, "mine")
    tied = adapt(sound.target, replace(convention_of(sound), group=1))  # type: ignore[attr-defined]

    def loud(params: Tensor, sample: Sample) -> Tensor:
        objective = index_square(params, sample)
        return torch.cat((1e3 * objective[:1], objective[1:]))

    plain, scaled = (tied(each, LOGITS, 16, seeded(1)) for each in (index_square, loud))
    assert bool((plain != scaled).any(1)[1:].any())


def detached_loss(f: Any, logits: Tensor) -> Tensor:
    """A loss without a graph."""
    return foreign.reinforce_rows(f, logits).detach()


def test_a_loss_without_a_gradient_is_an_outcome() -> None:
    estimator = as_estimator(detached_loss, "mine")
    assert not convention_of(estimator).gradient_path
    with pytest.raises(
        NoGradientPathError, match=r"site 0: its logits require a gradient, the torch\.float64 loss carries none"
    ):
        estimator(index_square, LOGITS, 4, seeded())


def shrinking(f: Any, logits: Tensor) -> Tensor:
    """Gradients that lose a row where there are sixteen."""
    rows = foreign.single_precision(f, logits)
    return rows[1:] if len(rows) == 16 else rows


def test_another_shape_than_was_probed_is_named() -> None:
    with pytest.raises(ForeignError, match=r"it returned shape \(15, 4\); expected \(16, 4\), as when it was probed"):
        as_estimator(shrinking, "mine")(index_square, LOGITS, 16, seeded())

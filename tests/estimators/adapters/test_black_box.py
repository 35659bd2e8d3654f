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
    foreign.value_and_surrogate,
    foreign.gradient_and_score,
    foreign.mean_of_batch,
    foreign.one_point,
    foreign.guarded_pairs,
    foreign.guarded_batch,
    foreign.ten_inside,
]
BITS = [foreign.arm, foreign.MovingBaseline]
LOOPED = (foreign.batch_baseline, foreign.raw_mean, foreign.guarded_pairs, foreign.ten_inside)  # a call a replicate
EXACT = [
    *((target, program) for target in CATEGORIES for program in (one_hot_cubic, index_square)),
    *((target, three_bits) for target in BITS),
]


@cache
def estimator_of(target: Any) -> Any:
    """Return the target as an estimator; it is probed once for all tests."""
    return as_estimator(target, "mine", ForeignHints(takes="logits") if target is foreign.all_categories else None)


def replicates(estimator: Any, program: Any, count: int = 10_000) -> Tensor:
    return estimator(program, LOGITS, 400 if estimator.target in LOOPED else count, seeded(3))  # type: ignore[no-any-return]


def exact(program: Any, params: Tensor = LOGITS) -> Tensor:
    return Enumeration()(program, params, 1, seeded())[0]


@pytest.mark.parametrize(("target", "program"), EXACT, ids=[f"{each[0].__name__}-{each[1].__name__}" for each in EXACT])
def test_an_unbiased_one_stays_so(target: Any, program: Any) -> None:
    """False-fail rate 9.6e-7 a coordinate; an error of the gradient's own size would have been seen."""
    truth = exact(program)
    rows = replicates(estimator_of(target), program)
    assert float(z_scores(rows, truth).max()) < QUANTILE
    assert float(smallest_visible(rows).max()) < float(truth.abs().max())


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
    assert not bool(changed[1:].any())
    assert bool(changed[0])


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

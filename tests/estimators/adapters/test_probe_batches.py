"""Probes of batches: a mean, a sum, rows that depend on each other, and a batch that the user states."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from gradverify.estimators.adapters import (
    AmbiguousTargetError,
    ForeignHints,
    GradientConvention,
    LossConvention,
    as_estimator,
    convention_of,
)
from gradverify.estimators.adapters.probe_batches import has_tied_rows, is_mean, settle_batch

from . import foreign, shapes


def make_slopes(power: float, *, tied: bool = False) -> Any:
    """Gradients whose size falls as a power of the number of rows; the factor reaches all rows if they are tied."""

    def slopes(convention: Any, rows: int, factor: float, seed: int = 0) -> Tensor:
        gradients = torch.full((rows, 2), rows**-power)
        gradients[: None if tied else 1] *= factor
        return gradients

    return slopes


@pytest.mark.parametrize(("power", "reduction"), [(0.0, "sum"), (1.0, "mean")])
def test_the_growth_of_a_gradient_tells_a_sum_from_a_mean(power: float, reduction: str) -> None:
    loss = settle_batch(LossConvention(reduction="mean", evaluations=3), make_slopes(power), 0)
    assert (loss.reduction, loss.group, loss.evaluations) == (reduction, 1, 3)
    gradient = settle_batch(GradientConvention(), make_slopes(power), 0)
    assert gradient.reduction == ("mean" if reduction == "mean" else "rows")


@pytest.mark.parametrize(("batch", "group"), [(0, 2), (5, 5)])
def test_rows_that_depend_on_each_other_are_one_replicate(batch: int, group: int) -> None:
    slopes = make_slopes(0.0, tied=True)
    convention = settle_batch(LossConvention(evaluations=3), slopes, batch)
    assert has_tied_rows(convention, slopes)
    assert (convention.group, convention.evaluations) == (group, 3 * group)


def test_a_ratio_of_the_batch_sizes_is_a_mean() -> None:
    assert [is_mean(growth) for growth in (1.0, 3.0, 6.61, 16.0, 40.0)] == [False, False, True, True, True]


def heavy(convention: Any, rows: int, factor: float, seed: int = 0) -> Tensor:
    """Gradients of a mean that have no variance: the root of their mean square is decided by the largest of them."""
    generator = torch.Generator().manual_seed(rows + seed)
    return torch.rand(rows, 1, generator=generator, dtype=torch.float64) ** -0.9 / rows


def test_gradients_without_a_variance_show_their_reduction() -> None:
    """The nearest of the two at all of 20 draws; the wrong one is 16 times away."""
    for draw in range(20):

        def slopes(convention: Any, rows: int, factor: float, seed: int = 0, draw: int = draw) -> Tensor:
            return heavy(convention, rows, factor, seed + 100 * draw)

        assert settle_batch(LossConvention(reduction="mean"), slopes, 1).reduction == "mean"


@pytest.mark.parametrize(("growth", "reduction"), [(1, "mean"), (16, "sum")])
def test_zero_gradients_leave_the_reduction_to_the_value(growth: int, reduction: str) -> None:
    def slopes(convention: Any, rows: int, factor: float, seed: int = 0) -> Tensor:
        return torch.zeros(rows, 2)

    loss = LossConvention(reduction="mean")
    assert settle_batch(loss, slopes, 0, lambda convention, rows: 3.0 if rows == 64 else 3.0 * growth).reduction == reduction
    assert settle_batch(loss, slopes, 0).reduction == "mean"  # zero under either


def scalar_root(f: Any, logits: Tensor) -> Tensor:
    """A loss that is neither a mean nor a sum over rows."""
    return foreign.reinforce_sum(logits, f) / logits.shape[0] ** 0.5


def test_a_loss_that_is_neither_a_mean_nor_a_sum_is_refused() -> None:
    with pytest.raises(
        AmbiguousTargetError, match=r"neither a mean nor a sum over rows .* give a function that returns one loss per row"
    ):
        as_estimator(scalar_root, "mine")


def test_a_batch_that_is_stated_is_one_replicate() -> None:
    """Mirror images depend on each other, and a larger cost in one row does not show it; only their author knows."""
    assert convention_of(as_estimator(shapes.antithetic_batch, "mine")).group == 1
    stated = convention_of(as_estimator(shapes.antithetic_batch, "mine", ForeignHints(batch=4))).to_record()
    assert (stated["group"], stated["evaluations"]) == (4, 4)

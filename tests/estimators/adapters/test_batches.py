"""Losses of a batch as gradients of its rows."""

from __future__ import annotations

import pytest
import torch

from gradverify.estimators import NoGradientPathError
from gradverify.estimators.adapters import ForeignError, LossConvention
from gradverify.estimators.adapters.batches import differentiate_loss


@pytest.mark.parametrize("reduction", ["rows", "mean", "sum"])
def test_every_reduction_gives_the_gradients_of_the_rows(reduction: str) -> None:
    leaf = torch.arange(6.0).reshape(3, 2).requires_grad_()
    rows = leaf.square().sum(1)
    loss = {"rows": rows, "mean": rows.mean(), "sum": rows.sum()}[reduction]
    (gradients,) = differentiate_loss(loss, [leaf], LossConvention(reduction=reduction))
    torch.testing.assert_close(gradients, 2 * leaf.detach())


def test_a_loss_without_its_leaf_has_no_gradient_path() -> None:
    leaf = torch.ones(3, 2, requires_grad=True)
    other = torch.ones(3, requires_grad=True)
    with pytest.raises(NoGradientPathError, match="the loss does not depend on the probs that it was handed"):
        differentiate_loss(2 * other, [leaf], LossConvention(takes="probs"))
    with pytest.raises(NoGradientPathError, match="its probs require a gradient"):
        differentiate_loss(leaf.detach().sum(1), [leaf], LossConvention(takes="probs"))


@pytest.mark.parametrize(("reduction", "expected"), [("mean", "a single number"), ("rows", r"\[3\]")])
def test_another_shape_is_named_with_the_expected_one(reduction: str, expected: str) -> None:
    leaf = torch.ones(3, 2, requires_grad=True)
    loss = leaf.sum() if reduction == "rows" else leaf.sum(1)
    with pytest.raises(ForeignError, match=f"for 3 rows; expected {expected}, as when it was probed"):
        differentiate_loss(loss, [leaf], LossConvention(reduction=reduction))


def test_a_leaf_beside_the_graph_has_a_zero_gradient() -> None:
    leaf, other = torch.ones(3, 2, requires_grad=True), torch.ones(3, requires_grad=True)
    gradients = differentiate_loss((2 * other).mean(), [leaf, other], LossConvention(reduction="mean"))
    assert [each.unique().tolist() for each in gradients] == [[0.0], [2.0]]

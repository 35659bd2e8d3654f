"""The probe of code that calls the objective: losses and gradients, and the messages where neither can be read."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, distributions

from gradverify.estimators.adapters import (
    AmbiguousTargetError,
    Convention,
    ForeignHints,
    UnrecognisedTargetError,
    as_estimator,
    convention_of,
)

from . import foreign

LOSSES: list[tuple[Any, dict[str, Any]]] = [
    (foreign.reinforce_rows, {"takes": "logits", "returns": "one-hot", "reduction": "rows", "right_value": False}),
    (foreign.reinforce_mean, {"takes": "logits", "reduction": "mean"}),
    (foreign.reinforce_sum, {"takes": "logits", "reduction": "sum"}),
    (foreign.MagicBox, {"takes": "probs", "returns": "index", "reduction": "rows", "right_value": True}),
    (foreign.MovingBaseline, {"takes": "logits", "returns": "value", "state": "cold"}),
    (foreign.batch_baseline, {"takes": "logits", "group": 2, "evaluations": 2}),
    (foreign.value_and_surrogate, {"takes": "logits", "item": 1, "gradient_path": True}),
]

GRADIENTS: list[tuple[Any, dict[str, Any]]] = [
    (foreign.leave_one_out, {"takes": "logits", "samples": 2, "layout": "rows", "evaluations": 2}),
    (foreign.single_precision, {"takes": "logits", "returns": "one-hot", "group": 1, "evaluations": 1}),
    (foreign.arm, {"takes": "logits", "returns": "value", "sites": ("Bernoulli",), "evaluations": 2}),
    (foreign.raw, {"takes": "logits", "layout": "single", "reduction": "rows", "evaluations": 1}),
    (foreign.raw_mean, {"takes": "logits", "layout": "single", "reduction": "mean", "samples": 2, "evaluations": 2}),
    (foreign.numpy_gradient, {"takes": "logits", "detached": True}),
    (foreign.mean_of_batch, {"takes": "logits", "layout": "rows", "reduction": "mean", "group": 1}),
    (foreign.one_point, {"takes": "logits", "layout": "rows", "reduction": "mean", "samples": 2}),
    (foreign.guarded_pairs, {"takes": "logits", "layout": "single", "reduction": "mean", "samples": 2, "evaluations": 2}),
    (foreign.guarded_batch, {"takes": "logits", "layout": "rows", "reduction": "rows", "samples": 2, "group": 1}),
    (foreign.ten_inside, {"takes": "logits", "layout": "single", "reduction": "mean", "evaluations": 10}),
    (foreign.batch_mean_baseline, {"takes": "logits", "layout": "rows", "reduction": "rows", "group": 2}),
    (foreign.gradient_and_score, {"takes": "logits", "layout": "rows", "reduction": "rows", "item": 0}),
]


def find(target: Any, hints: ForeignHints | None = None) -> Convention:
    return convention_of(as_estimator(target, "mine", hints))


@pytest.mark.parametrize(("target", "expected"), LOSSES, ids=[each[0].__name__ for each in LOSSES])
def test_the_convention_of_a_loss_is_found(target: Any, expected: dict[str, Any]) -> None:
    convention = find(target)
    assert convention.kind == "surrogate loss"
    assert {name: getattr(convention, name) for name in expected} == expected
    assert convention.takes in convention.sentence()


@pytest.mark.parametrize(("target", "expected"), GRADIENTS, ids=[each[0].__name__ for each in GRADIENTS])
def test_the_convention_of_a_gradient_is_found(target: Any, expected: dict[str, Any]) -> None:
    convention = find(target)
    assert convention.kind == "gradient"
    assert {name: getattr(convention, name) for name in expected} == expected
    assert convention.takes in convention.sentence()


def test_code_that_calls_the_objective_with_all_categories_needs_a_hint() -> None:
    with pytest.raises(
        AmbiguousTargetError, match=r"^'mine': it calls the objective itself, .* say --takes probs or --takes logits"
    ):
        find(foreign.all_categories)
    assert find(foreign.all_categories, ForeignHints(takes="logits")).takes == "logits"


def score_of_a_bit(f: Any, logits: Tensor) -> Tensor:
    """A gradient in closed form; its graph is nobody's business."""
    z = distributions.Bernoulli(logits=logits).sample()
    return (z - logits.sigmoid()) * f(z).detach().unsqueeze(-1)


def freed_graph(f: Any, logits: Tensor) -> Tensor:
    """The same, after it differentiated part of its graph itself."""
    p = logits.sigmoid()
    if logits.requires_grad:
        torch.autograd.grad(p.sum(), logits)
    z = torch.bernoulli(p.detach())
    return (z - p) * f(z).detach().unsqueeze(-1)


@pytest.mark.parametrize("target", [score_of_a_bit, freed_graph])
def test_a_gradient_that_carries_a_graph_is_no_loss(target: Any) -> None:
    assert find(target).kind == "gradient"


def loss_a_bit(f: Any, logits: Tensor) -> Tensor:
    """One log-probability a bit, at one point; without its graph it has a gradient's shape."""
    bits = distributions.Bernoulli(logits=logits)
    z = bits.sample()
    return bits.log_prob(z) * f(z).detach()


def loss_a_bit_of_a_batch(f: Any, probs: Tensor) -> Tensor:
    """The same of a batch of probabilities, with a baseline."""
    bits = distributions.Bernoulli(probs)
    z = bits.sample()
    return bits.log_prob(z) * (f(z).detach() - 3.0).unsqueeze(-1)


@pytest.mark.parametrize("target", [loss_a_bit, loss_a_bit_of_a_batch])
def test_a_loss_for_each_bit_must_be_summed(target: Any) -> None:
    with pytest.raises(AmbiguousTargetError, match="a loss for each bit"):
        find(target)


def unsummed(f: Any, logits: Tensor) -> Tensor:
    """One log-probability a bit, times one value a row."""
    bits = distributions.Bernoulli(logits=logits)
    z = bits.sample()
    return (bits.log_prob(z) * f(z).detach()).mean()


def test_a_mistake_in_the_shapes_of_bits_is_explained() -> None:
    with pytest.raises(UnrecognisedTargetError, match=r"parameters come as \[rows, k\], also for one bit"):
        find(unsummed)

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


def unreduced(f: Any, logits: Tensor) -> Tensor:
    """A loss with one entry per category, which its author forgot to sum."""
    z = distributions.OneHotCategorical(logits=logits).sample()
    return f(z).detach()[:, None] * z * logits.log_softmax(-1)


def unreduced_with_baseline(f: Any, probs: Tensor) -> Tensor:
    """The same of probabilities, with a baseline."""
    z = distributions.OneHotCategorical(probs).sample()
    return (f(z).detach() - 7.0).unsqueeze(-1) * z * (probs / probs.sum(-1, keepdim=True)).log()


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


def of_one_point(f: Any, logits: Tensor) -> Tensor:
    """A loss of one vector of logits; on a batch it mistakes the rows for categories."""
    p = logits.softmax(0)
    k = torch.multinomial(p.detach(), 1).squeeze()
    return f(torch.nn.functional.one_hot(k, len(p)).to(p)).detach() * p[k].log()


def arm_of_one_point(f: Any, logits: Tensor) -> Tensor:
    """ARM for the bits of one point, whose first bits may happen to be a one-hot vector."""
    u = torch.rand(logits.shape, dtype=logits.dtype)
    s = torch.sigmoid(logits.detach())
    return (f((u > 1 - s).to(u)) - f((u < s).to(u))) * (u - 0.5)


def once_a_category(f: Any, logits: Tensor) -> Tensor:
    """The exact mean, from one call of the objective per category for all rows."""
    p, every = logits.softmax(-1), torch.eye(logits.shape[-1], dtype=logits.dtype)
    return sum(p[:, k] * f(every[k : k + 1]) for k in range(len(every)))  # type: ignore[return-value]


def never_varying(f: Any, logits: Tensor) -> Tensor:
    """A loss that draws samples, and whose gradient is zero for all of them."""
    law = distributions.OneHotCategorical(logits=logits)
    z = law.sample()
    cost = f(z).detach()
    return (law.log_prob(z) * (cost - cost)).mean()


LOSSES: list[tuple[Any, dict[str, Any]]] = [
    (foreign.reinforce_rows, {"takes": "logits", "returns": "one-hot", "reduction": "rows", "right_value": False}),
    (foreign.reinforce_mean, {"takes": "logits", "reduction": "mean"}),
    (foreign.reinforce_sum, {"takes": "logits", "reduction": "sum"}),
    (foreign.MagicBox, {"takes": "probs", "returns": "index", "reduction": "rows", "right_value": True}),
    (foreign.MovingBaseline, {"takes": "logits", "returns": "value", "state": "cold", "group": 2, "calls": 4}),
    (unreduced, {"takes": "logits", "returns": "one-hot", "reduction": "entries", "group": 1}),
    (unreduced_with_baseline, {"takes": "probs", "returns": "one-hot", "reduction": "entries", "group": 1}),
    (loss_a_bit, {"takes": "logits", "returns": "value", "layout": "single", "reduction": "entries"}),
    (loss_a_bit_of_a_batch, {"takes": "probs", "returns": "value", "layout": "rows", "reduction": "entries"}),
    (of_one_point, {"takes": "logits", "returns": "one-hot", "layout": "single", "reduction": "mean", "deterministic": False}),
    (once_a_category, {"takes": "logits", "reduction": "rows", "group": 1, "deterministic": True, "carries": True}),
    (never_varying, {"takes": "logits", "reduction": "mean", "group": 1, "deterministic": False}),
    (foreign.batch_baseline, {"takes": "logits", "group": 2, "evaluations": 2}),
    (foreign.value_and_surrogate, {"takes": "logits", "item": 1, "gradient_path": True}),
]

GRADIENTS: list[tuple[Any, dict[str, Any]]] = [
    (foreign.leave_one_out, {"takes": "logits", "samples": 2, "layout": "rows", "evaluations": 2}),
    (foreign.single_precision, {"takes": "logits", "returns": "one-hot", "group": 1, "evaluations": 1}),
    (foreign.arm, {"takes": "logits", "returns": "value", "sites": ("Bernoulli",), "evaluations": 2}),
    (arm_of_one_point, {"takes": "logits", "returns": "value", "layout": "single", "evaluations": 2}),
    (foreign.all_categories_of_logits, {"takes": "logits", "deterministic": True, "group": 1}),
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


def turned(f: Any, logits: Tensor) -> Tensor:
    """The planted bug in a loss that is not summed: its sign is wrong, so that nothing shows what it is."""
    return -unreduced(f, logits)


def biased_gradient(f: Any, logits: Tensor) -> Tensor:
    """The planted bug in gradients with a graph: half of the gradient."""
    return 0.5 * score_of_a_bit(f, logits)


@pytest.mark.parametrize("target", [turned, biased_gradient])
def test_an_entry_per_category_that_shows_nothing_is_refused(target: Any) -> None:
    """Neither is ever judged as what it may not be."""
    with pytest.raises(AmbiguousTargetError, match=r"sum a loss of each .* over its last dimension, or detach gradients"):
        find(target)


def test_a_gradient_without_a_graph_is_judged_whatever_its_mean_is() -> None:
    def detached(f: Any, logits: Tensor) -> Tensor:
        return biased_gradient(f, logits).detach()

    assert find(detached).kind == "gradient"


def test_a_stated_form_is_honoured() -> None:
    assert find(arm_of_one_point, ForeignHints(returns="value")).returns == "value"
    with pytest.raises(UnrecognisedTargetError, match="--returns index was given, but it calls the objective with value"):
        find(foreign.arm, ForeignHints(returns="index"))


def several_losses(f: Any, logits: Tensor) -> Tensor:
    """A loss for each of three samples of a row."""
    law = distributions.OneHotCategorical(logits=logits)
    z = law.sample((3,))
    return law.log_prob(z) * f(z).detach()


def test_a_loss_of_another_shape_is_named_with_what_was_expected() -> None:
    with pytest.raises(
        UnrecognisedTargetError, match=r"it returned shape \(3, 8\) for probs of shape \(8, 4\); expected one loss for each row"
    ):
        find(several_losses)


def needs_a_leaf(f: Any, logits: Tensor) -> Tensor:
    """A loss that converts its parameters where they carry no graph, and fails where they do."""
    p = logits.numpy()
    z = distributions.OneHotCategorical(logits=torch.from_numpy(p)).sample()
    return f(z).unsqueeze(-1) * (z - torch.from_numpy(p).softmax(-1))


def test_parameters_are_detached_only_for_code_that_refuses_a_graph() -> None:
    convention = find(needs_a_leaf)
    assert (convention.kind, convention.detached) == ("gradient", True)
    assert not find(unreduced).detached


def unsummed(f: Any, logits: Tensor) -> Tensor:
    """One log-probability a bit, times one value a row."""
    bits = distributions.Bernoulli(logits=logits)
    z = bits.sample()
    return (bits.log_prob(z) * f(z).detach()).mean()


def test_a_mistake_in_the_shapes_of_bits_is_explained() -> None:
    with pytest.raises(AmbiguousTargetError, match=r"parameters come as \[rows, k\], also for one bit"):
        find(unsummed)

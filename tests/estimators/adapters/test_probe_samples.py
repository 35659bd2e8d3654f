"""The probe of samplers: conventions come from the law of the samples, and an ambiguity is settled by a hint."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, distributions
from torch.nn import functional

from gradverify.estimators.adapters import (
    AmbiguousTargetError,
    Convention,
    ForeignHints,
    UnrecognisedTargetError,
    as_estimator,
    convention_of,
)

from . import foreign

SAMPLERS: list[tuple[Any, dict[str, Any]]] = [
    (foreign.BitFunction, {"takes": "probs", "returns": "value", "sites": ("Bernoulli",)}),
    (foreign.CountFunction, {"takes": "probs", "returns": "value", "sites": ("Geometric",)}),
    (foreign.BinomialFunction, {"takes": "probs", "returns": "value", "sites": ("Binomial",)}),
    (foreign.OneHotFunction, {"takes": "probs", "returns": "one-hot", "gradient_path": True}),
    (foreign.IndexFunction, {"takes": "probs", "returns": "index", "gradient_path": False}),
    (foreign.one_hot_of_logits, {"takes": "logits", "returns": "one-hot", "relaxed": False}),
    (foreign.one_hot_of_probs, {"takes": "probs", "returns": "one-hot"}),
    (foreign.float_index, {"takes": "probs", "returns": "index", "gradient_path": True}),
    (foreign.sample_and_probs, {"takes": "logits", "returns": "one-hot", "item": 0}),
    (foreign.one_hot_and_index, {"takes": "logits", "returns": "one-hot", "item": 0}),
    (foreign.soft_and_hard, {"takes": "logits", "item": 1, "relaxed": False, "temperature": 1.0}),
    (foreign.bits_of_logits, {"takes": "logits", "returns": "value", "sites": ("Bernoulli",)}),
    (foreign.hard_gumbel, {"takes": "logits", "returns": "one-hot", "state": "none"}),
    (foreign.WithShape, {"takes": "logits", "returns": "one-hot", "temperature": 1.0}),
    (foreign.WithoutShape, {"takes": "probs", "returns": "one-hot"}),
    (functional.gumbel_softmax, {"takes": "logits", "returns": "one-hot", "relaxed": True}),
    (distributions.RelaxedOneHotCategorical, {"takes": "probs", "returns": "one-hot", "relaxed": True}),
    (distributions.OneHotCategoricalStraightThrough, {"takes": "probs", "relaxed": False, "gradient_path": True}),
    (distributions.RelaxedBernoulli, {"returns": "value", "sites": ("Bernoulli",), "relaxed": True}),
    (distributions.OneHotCategorical, {"returns": "one-hot", "gradient_path": False}),
    (distributions.Poisson, {"returns": "value", "sites": ("Poisson",), "gradient_path": False}),
]


def find(target: Any, hints: ForeignHints | None = None) -> Convention:
    return convention_of(as_estimator(target, "mine", hints))


@pytest.mark.parametrize(("target", "expected"), SAMPLERS, ids=[getattr(each[0], "__name__", "partial") for each in SAMPLERS])
def test_the_convention_of_a_sampler_is_find(target: Any, expected: dict[str, Any]) -> None:
    """The laws that are compared are 0.2 apart and measured to 0.03, at a fixed seed."""
    convention = find(target)
    assert convention.kind == "sampler"
    assert {name: getattr(convention, name) for name in expected} == expected
    assert convention.takes in convention.sentence()


def test_two_samples_in_a_tuple_are_settled_by_the_form() -> None:
    with pytest.raises(AmbiguousTargetError, match=r"^'mine': .* say which with --returns one-hot\|index\|value"):
        find(foreign.two_ways)
    convention = find(foreign.two_ways, ForeignHints(returns="index"))
    assert (convention.to_record()["returns"], convention.item) == ("index", 1)


def test_what_is_stated_and_cannot_be_is_refused() -> None:
    with pytest.raises(AmbiguousTargetError, match="--returns index was given, but it returns one-hot; remove --returns"):
        find(foreign.one_hot_of_logits, ForeignHints(returns="index"))


def tilted(logits: Tensor) -> Tensor:
    """A sampler whose law is wrong whatever it takes."""
    return foreign.one_hot_of_logits(logits * 0.3)


def test_a_law_that_fits_nothing_is_asked_for_and_then_believed() -> None:
    """So that a sampler with a wrong law gets its verdict from the forward check."""
    with pytest.raises(AmbiguousTargetError, match=r"neither probabilities nor logits .* say --takes probs or --takes logits"):
        find(tilted)
    assert find(tilted, ForeignHints(takes="logits")).takes == "logits"


@pytest.mark.parametrize("returns", ["", "value"])
def test_bits_with_a_wrong_law_stay_bits(returns: str) -> None:
    """A count comes nearer to their law; what never passes one is none."""
    assert find(foreign.HalfBits, ForeignHints(takes="probs", returns=returns)).to_record()["sites"] == ("Bernoulli",)


def twins(logits: Tensor) -> tuple[Tensor, Tensor]:
    """Two samples of one form."""
    return foreign.one_hot_of_logits(logits), foreign.one_hot_of_logits(logits)


def test_two_samples_of_one_form_need_another_function() -> None:
    with pytest.raises(AmbiguousTargetError, match="entries 0 and 1 of its result are both samples of the form one-hot"):
        find(twins)


def signs(p: Tensor) -> Tensor:
    """Values -1 and 1; logits are refused by PyTorch, in words of its own."""
    return 2 * torch.bernoulli(p) - 1


def test_values_that_are_no_samples_are_named() -> None:
    message = r"it returned the values -1 and 1, not one-hot vectors, indices, bits \(0 and 1\) or counts"
    with pytest.raises(UnrecognisedTargetError, match=message):
        find(signs)

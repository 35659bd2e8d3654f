"""The objective's own gradient in verdicts: a loss that forgets it is biased, and the report says what is missing."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.distributions import OneHotCategorical

from gradverify.estimators import Sample
from gradverify.verification import Problem, verify
from gradverify.verification.foreign.own_gradient import explain_missing, has_own_gradient
from gradverify.verification.problems.registry import find_problems

POINT = torch.tensor([0.3, 0.9, -0.6, 0.1], dtype=torch.float64)


def costs_and_divergence(params: Tensor, sample: Sample) -> Tensor:
    """A cost of samples, and a divergence from a reference policy in closed form."""
    x = sample(OneHotCategorical(logits=params))
    logs = params.log_softmax(-1)
    reference = params.new_tensor([0.2, -0.7, 1.1, 0.4]).log_softmax(-1)
    return x @ params.new_tensor([1.0, 0.2, 2.0, 0.5]) + (logs.exp() * (logs - reference)).sum(-1)


PROBLEM = Problem(name="divergence", program=costs_and_divergence, params=POINT)


def forgets(log_prob: Tensor, cost: Tensor) -> Tensor:
    """The score part alone."""
    return (log_prob * cost.detach()).mean()


def forgets_f(f: Any, logits: Tensor) -> Tensor:
    """The same of an objective that is a function."""
    law = OneHotCategorical(logits=logits)
    x = law.sample()
    return (law.log_prob(x) * f(x).detach()).mean()


def carries(log_prob: Tensor, cost: Tensor) -> Tensor:
    """The score part and the costs' own gradient."""
    return (log_prob * cost.detach() + cost).mean()


def carries_f(f: Any, logits: Tensor) -> Tensor:
    """The same of an objective that is a function."""
    law = OneHotCategorical(logits=logits)
    x = law.sample()
    value = f(x)
    return (law.log_prob(x) * value.detach() + value).mean()


@pytest.mark.parametrize(
    ("target", "options", "outcome", "said"),
    [
        (forgets, {}, "biased", "the objective has a gradient of its own beside the samples, which does not enter this loss"),
        (forgets_f, {}, "biased", "which does not enter this loss; keep its graph in a term of the loss"),
        (carries, {}, "unbiased", ""),
        (carries_f, {}, "unbiased", ""),
        (carries_f, {"objective_gradient": "cut"}, "biased", "which --objective-gradient cut left out"),
    ],
)
def test_a_missing_own_gradient_is_the_finding(target: Any, options: dict[str, Any], outcome: str, said: str) -> None:
    """False-alarm rate 1e-3 a call, at a fixed seed; what is missing is larger than the gradient itself."""
    bias = verify(target, PROBLEM, tolerance=0.2, **options).cells[-1].find("bias")
    assert bias is not None
    assert bias.outcome == outcome
    assert said in bias.note
    assert ("gradient of its own" in bias.note) == bool(said)


def test_only_parameters_beside_the_samples_make_an_own_gradient() -> None:
    (plain,) = find_problems(["categorical_one_hot:4/cubic"], quick=False)
    assert has_own_gradient(PROBLEM)
    assert not has_own_gradient(plain)


def test_nothing_is_missing_where_the_gradient_is_kept_or_added() -> None:
    kept = {"kind": "surrogate loss", "objective_gradient": "keep", "carries": True}
    assert explain_missing(kept) == ""
    assert explain_missing({**kept, "kind": "gradient", "carries": False}) == ""
    assert explain_missing({**kept, "kind": "gradient", "objective_gradient": "cut"}) != ""

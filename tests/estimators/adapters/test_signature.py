"""Roles from a signature: telling names fix them, other names leave them open, and the contract is recognised."""

from __future__ import annotations

import functools
from typing import Any

import pytest
import torch
from torch import distributions

from gradverify.estimators import ScoreFunction
from gradverify.estimators.adapters.signature import (
    has_contract,
    has_rewards,
    list_demanded,
    propose_arguments,
    propose_class_arguments,
    read_takes,
)

from . import foreign, shapes

TOGETHER = {
    frozenset({"theta"}),
    frozenset({"theta", "sample"}),
    frozenset({"theta", "objective"}),
    frozenset({"log_prob", "cost"}),
}

PROPOSED: list[tuple[Any, list[tuple[str, ...]]]] = [
    (foreign.one_hot_of_logits, [("theta",)]),
    (foreign.one_hot_of_probs, [("theta",)]),
    (foreign.handed_first, [("sample", "theta"), ("objective", "theta"), ("generator", "theta")]),
    (
        foreign.handed_unsaid,
        [
            *(("theta", role) for role in ("sample", "objective", "generator")),
            *((role, "theta") for role in ("sample", "objective", "generator")),
        ],
    ),
    (foreign.arm, [("objective", "theta")]),
    (foreign.BitFunction, [("theta",)]),
    (foreign.OneHotFunction, [("theta",)]),
    (foreign.MagicBox(), [("objective", "theta")]),
    (shapes.along, [("theta", "dim")]),
    (shapes.score_mean, [("cost", "log_prob"), ("objective", "theta")]),
    (shapes.called_loss, [("objective", "theta")]),
    (foreign.leave_one_out, []),
]


@pytest.mark.parametrize(("target", "roles"), PROPOSED, ids=[getattr(each[0], "__name__", "object") for each in PROPOSED])
def test_names_fix_the_roles_of_arguments(target: Any, roles: list[tuple[str, ...]]) -> None:
    proposed = [tuple(role for _, role in arguments) for arguments in propose_arguments(target, TOGETHER)]
    assert proposed == roles


def test_keyword_arguments_are_passed_by_keyword() -> None:
    assert list(propose_arguments(shapes.score_sum, TOGETHER)) == [(("", "log_prob"), ("cost", "cost"))]
    scores = frozenset({"theta", "objective", "count"})
    assert list(propose_arguments(foreign.raw, {scores})) == [
        (("", "theta"), ("", "objective"), ("", "count"), ("", "generator"))
    ]


def test_a_class_is_constructed_by_its_keywords() -> None:
    proposed = list(propose_class_arguments(distributions.RelaxedBernoulli, TOGETHER))
    assert proposed == [
        (("probs", "theta"), ("temperature", "temperature")),
        (("logits", "theta"), ("temperature", "temperature")),
    ]


def test_names_tell_parameters_and_rewards() -> None:
    assert read_takes(foreign.handed_first, (("", "sample"), ("", "theta"))) == "probs"
    assert read_takes(foreign.handed_unsaid, (("", "sample"), ("", "theta"))) == ""
    assert read_takes(distributions.Bernoulli, (("logits", "theta"),)) == "logits"
    scores = (("", "log_prob"), ("", "cost"))
    assert has_rewards(shapes.policy_loss, scores)
    assert not has_rewards(shapes.score_rows, scores)


def test_only_arguments_without_a_default_are_demanded() -> None:
    assert list_demanded(shapes.Configured) == ["width"]
    assert list_demanded(functools.partial(shapes.along, dim=0)) == ["logits"]


def four(one: Any, two: Any, three: Any, other: Any) -> None:
    """Four arguments whose names tell nothing."""


@pytest.mark.parametrize(
    ("target", "answer"),
    [
        (ScoreFunction(), True),
        (lambda program, params, num_samples, generator: None, True),
        (four, None),
        (lambda *arguments: None, None),
        (foreign.arm, False),
        (ScoreFunction, False),
        (torch.ones(1), False),
    ],
)
def test_the_contract_is_recognised_by_its_signature(target: Any, answer: bool | None) -> None:
    assert has_contract(target) is answer

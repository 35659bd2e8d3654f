"""Roles from a signature: telling names fix them, other names leave them open, and the contract is recognised."""

from __future__ import annotations

import functools
import re
from typing import Any

import pytest
import torch
from torch import distributions

from gradverify.estimators import ScoreFunction
from gradverify.estimators.adapters.signature import (
    describe_unfilled,
    has_contract,
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


def unnamed_parameters(one: Any, two: Any) -> None:
    """Two arguments whose names tell nothing."""


def older(log_prob: Any, old_log_prob: Any, advantages: Any) -> None:
    """Demands what no problem has."""


def unsigned(log_prob: Any, values: Any) -> None:
    """A name that tells no sign."""


def twice(log_prob: Any, reward: Any, advantage: Any) -> None:
    """Two arguments of one role."""


def scaled(f: Any, logits: Any, scale: Any) -> None:
    """A number that nobody stated."""


def configured(*, width: int) -> None:
    """A keyword that nothing fills."""


PROPOSED: list[tuple[Any, list[tuple[str, ...]]]] = [
    (foreign.one_hot_of_logits, [("theta",)]),
    (foreign.one_hot_of_probs, [("theta",)]),
    (foreign.handed_first, [("sample", "theta"), ("objective", "theta")]),
    (foreign.handed_unsaid, [("sample", "theta"), ("objective", "theta")]),  # a lone t may be a temperature or parameters
    (unnamed_parameters, [("theta", "sample"), ("theta", "objective"), ("sample", "theta"), ("objective", "theta")]),
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


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (
            older,
            "its argument 'old_log_prob' asks for the log-probabilities of an older policy, .* bind it with functools.partial",
        ),
        (
            unsigned,
            r"its argument 'values' has no known role; rename it \(log_prob, cost, reward, f, logits, probs\) or bind it",
        ),
        (twice, r"its arguments are \(log_prob, reward, advantage\); expected .*: bind others with functools.partial"),
        (scaled, "its argument 'scale' has no known role"),
        (configured, "its argument 'width' has no known role"),
    ],
)
def test_no_argument_is_filled_by_guess(target: Any, message: str) -> None:
    """Every one of these was once filled with something else."""
    together = TOGETHER | {frozenset({"log_prob", "reward"}), frozenset({"theta", "objective", "count"})}
    proposed = list(propose_arguments(target, together))
    roles = {role for arguments in proposed for _, role in arguments}
    assert not roles & {"log_prob", "cost", "reward", "count", "temperature"}
    assert re.match(message, describe_unfilled(target, proposed=bool(proposed)))


def test_several_names_that_tell_nothing_are_all_asked_for() -> None:
    message = describe_unfilled(unnamed_parameters, proposed=True)
    assert message.startswith("its arguments 'one' and 'two' have no known role; rename them (f, logits, probs, temperature, ")


def test_names_that_are_all_known_ask_for_nothing() -> None:
    assert describe_unfilled(shapes.policy_loss, proposed=True) == ""
    assert describe_unfilled(foreign.one_hot_of_probs, proposed=True) == ""


def test_names_tell_parameters() -> None:
    assert read_takes(foreign.handed_first, (("", "sample"), ("", "theta"))) == "probs"
    assert read_takes(foreign.handed_unsaid, (("", "sample"), ("", "theta"))) == ""
    assert read_takes(distributions.Bernoulli, (("logits", "theta"),)) == "logits"


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

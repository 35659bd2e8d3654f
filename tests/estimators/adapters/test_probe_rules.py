"""The probe of rules that are handed a sample: a name, a derivative or a hint tells what they take."""

from __future__ import annotations

from typing import Any

import pytest
from torch import Tensor

from gradverify.estimators.adapters import (
    AmbiguousTargetError,
    Convention,
    ForeignHints,
    UnrecognisedTargetError,
    as_estimator,
    convention_of,
)

from . import foreign, shapes

HANDED: list[tuple[Any, dict[str, Any]]] = [
    (foreign.handed_first, {"takes": "probs", "handed": "one-hot"}),
    (foreign.handed_second, {"takes": "logits", "handed": "one-hot"}),
]


def find(target: Any, hints: ForeignHints | None = None) -> Convention:
    return convention_of(as_estimator(target, "mine", hints))


def test_a_rule_has_a_name_for_its_parameters() -> None:
    for target, expected in HANDED:
        convention = find(target)
        assert convention.kind == "handed a sample"
        assert {name: getattr(convention, name) for name in expected} == expected


def softmax_rule(z: Tensor, t: Tensor) -> Tensor:
    """Straight-through the softmax, under names that tell nothing."""
    p = t.softmax(-1)
    return z + p - p.detach()


def test_a_derivative_without_common_shift_tells_logits() -> None:
    assert find(softmax_rule).takes == "logits"


@pytest.mark.parametrize("takes", ["probs", "logits"])
def test_a_hint_settles_what_the_derivative_cannot(takes: str) -> None:
    with pytest.raises(AmbiguousTargetError, match=r"^'mine': it is handed a sample, .* say --takes probs or --takes logits"):
        find(foreign.handed_unsaid)
    assert find(foreign.handed_unsaid, ForeignHints(takes=takes)).takes == takes


def test_the_very_sample_that_was_handed_over_is_no_result() -> None:
    with pytest.raises(UnrecognisedTargetError, match="cannot be read as a sample"):
        find(shapes.identity)

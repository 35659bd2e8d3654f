"""Hyper-parameters that are out of range are refused by every estimator in the same words."""

from __future__ import annotations

import math
from dataclasses import fields
from typing import Any

import pytest

from gradverify.estimators import ESTIMATORS, Estimator, NotApplicableError
from gradverify.estimators.hyper_parameters import require_at_least, require_positive

TEMPERED = {name: each for name, each in ESTIMATORS.items() if hasattr(each, "temperature")}
GROUPED = {name: each for name, each in ESTIMATORS.items() if hasattr(each, "group") or hasattr(each, "copies")}


def test_numbers_that_will_do_pass() -> None:
    require_positive("rule", temperature=1e-9, width=3)
    require_at_least("rule", 2, group=2, copies=5)


@pytest.mark.parametrize("value", [0.0, -1.0, math.nan, math.inf, "1", None])
def test_a_number_that_is_not_positive_is_named(value: Any) -> None:
    with pytest.raises(NotApplicableError, match=f"rule: width={value!r}; it must be positive and finite"):
        require_positive("rule", temperature=1.0, width=value)


def test_a_count_that_is_too_small_is_named() -> None:
    with pytest.raises(NotApplicableError, match="rule: copies=2; a triple needs at least 3"):
        require_at_least("rule", 3, "a triple", group=3, copies=2)


@pytest.mark.parametrize("count", [2.5, math.nan, math.inf, "3", None])
def test_a_count_that_is_no_whole_number_is_named(count: Any) -> None:
    with pytest.raises(NotApplicableError, match=f"rule: copies={count!r}; a triple needs a whole number"):
        require_at_least("rule", 2, "a triple", copies=count)


@pytest.mark.parametrize("temperature", [0.0, -0.5, math.nan, math.inf])
@pytest.mark.parametrize("estimator", TEMPERED.values(), ids=TEMPERED)
def test_every_temperature_must_be_positive(estimator: Estimator, temperature: float) -> None:
    with pytest.raises(NotApplicableError, match=f": temperature={temperature}; it must be positive"):
        type(estimator)(temperature=temperature)  # type: ignore[call-arg]


@pytest.mark.parametrize("estimator", GROUPED.values(), ids=GROUPED)
def test_every_group_needs_two(estimator: Estimator) -> None:
    (field,) = {"group", "copies"} & {each.name for each in fields(estimator)}  # type: ignore[arg-type]
    with pytest.raises(NotApplicableError, match=rf": {field}=1; .* needs at least 2"):
        type(estimator)(**{field: 1})

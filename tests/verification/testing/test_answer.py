"""A mistake in what was asked is told without the package's frames; what foreign code raised keeps its own."""

from __future__ import annotations

import traceback
from collections.abc import Callable

import pytest
from torch import Tensor

from gradverify.estimators import Sample
from gradverify.estimators.registry import TargetError
from gradverify.verification import Problem, assert_unbiased
from gradverify.verification.problems import ProblemError
from gradverify.verification.statistics.variance_excess import variance_above
from gradverify.verification.testing.answer import answer

from ..targets.programs import FAIR


def frames(error: BaseException | None) -> list[str]:
    assert error is not None
    return [each.name for each in traceback.extract_tb(error.__traceback__)]


def failing(params: Tensor, sample: Sample) -> Tensor:
    raise KeyError("population")


def ask(question: Callable[[], object]) -> None:
    answer(question)


@pytest.mark.parametrize(
    ("target", "problem"), [("leave_one_outt", FAIR), ("leave_one_out", "bernoulli:0.3/cubik"), ("nowhere.py:x", FAIR)]
)
def test_a_name_that_means_nothing_is_told_where_it_was_written(target: str, problem: str | Problem) -> None:
    with pytest.raises(TargetError) as caught:
        assert_unbiased(target, problem)
    assert [name for name in frames(caught.value) if not name.startswith("test_")] == ["assert_unbiased", "_ask", "answer"]
    assert caught.value.__cause__ is None


def test_what_a_program_raised_is_the_cause_with_its_own_frame() -> None:
    with pytest.raises(ProblemError, match="population") as caught:
        assert_unbiased("leave_one_out", Problem(name="failing", program=failing, params=FAIR.params))
    assert frames(caught.value)[-1] == "answer"
    cause = frames(caught.value.__cause__)
    # The tests' own type checks have frames outside the package too, and stand around functions inside it.
    assert (cause[-1], "find_reference" in cause) == ("failing", False)


def test_an_error_that_foreign_code_raised_passes_with_all_its_frames() -> None:
    def foreign(stage: str) -> list:
        raise ValueError("not of this package")

    with pytest.raises(ValueError, match="not of this package") as caught:
        ask(lambda: variance_above(foreign, 1.0, alpha=1e-6))
    assert frames(caught.value)[-3:] == ["variance_above", "_two_stages", "foreign"]


def test_other_errors_pass() -> None:
    with pytest.raises(ZeroDivisionError) as caught:
        ask(lambda: 1 / 0)
    assert frames(caught.value)[-1] == "<lambda>"

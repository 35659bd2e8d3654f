"""`verify` and the assertions: what they accept, what they refuse, and what their messages say."""

from __future__ import annotations

import subprocess
import sys

import pytest

from gradverify.estimators import LeaveOneOut, ScoreFunction, StraightThrough
from gradverify.estimators.registry import TargetError
from gradverify.verification import assert_unbiased, assert_variance_at_most, verify

from .targets import wrong
from .targets.programs import FAIR, several

WALK = "random_walk:10/square/p"


def test_estimators_come_as_names_objects_mappings_and_lists() -> None:
    assert {each.estimator for each in verify("score_function", FAIR).cells[1:]} == {"score_function"}
    assert {each.estimator for each in verify(LeaveOneOut(group=3), FAIR).cells[1:]} == {"LeaveOneOut(group=3)"}
    assert {each.estimator for each in verify({"mine": LeaveOneOut()}, FAIR).cells[1:]} == {"mine"}
    both = verify(["score_function", LeaveOneOut()], FAIR)
    assert [each.estimator for each in both.cells] == ["references", "score_function", "LeaveOneOut(group=2)"]
    by_path = verify(f"{wrong.__file__}:SOUND", FAIR)
    assert by_path.cells[-1].find("bias").outcome == "unbiased"  # type: ignore[union-attr]


def test_problems_come_as_names_and_objects_each_once() -> None:
    record = verify("score_function", ["bernoulli:0.3/cubic", "bernoulli:0.3/cubic/p", FAIR])
    assert [each.problem for each in record.cells] == ["bernoulli:0.3/cubic/p", "fair"] * 2


def test_two_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match=r"two problems are named 'several:0.3'; give each a name of its own"):
        verify("score_function", [several()[0], several()[0]])
    with pytest.raises(ValueError, match=r"two estimators call themselves .*Forgetful object>; give a mapping"):
        verify([wrong.Forgetful(), wrong.Forgetful()], FAIR)


@pytest.mark.parametrize("target", ["walker", "no_such_module:x", "nowhere.py:x", f"{wrong.__file__}:NOT_AN_ESTIMATOR"])
def test_a_target_that_names_nothing_is_refused(target: str) -> None:
    with pytest.raises(TargetError, match=target.rpartition("/")[2]):
        verify(target, FAIR)


def test_assert_unbiased_passes_on_a_sound_estimator() -> None:
    """False-fail rate 1e-6 each, as stated by the assertion itself."""
    assert_unbiased("leave_one_out", FAIR, tolerance=0.05)
    assert_unbiased(ScoreFunction(baseline=4.0), several()[0], tolerance=0.05)


def test_assert_unbiased_says_what_was_found() -> None:
    with pytest.raises(AssertionError) as caught:
        assert_unbiased(wrong.Scaled(1.1), FAIR, tolerance=0.05, seed=3)
    said = str(caught.value)
    for part in (
        "Scaled(factor=1.1) on fair: biased: bias 1.",
        "% of the gradient's scale; tolerance 5 %, reference exact (given), ",
        "false-fail rate 1e-06, seed 3.",
    ):
        assert part in said
    assert "\n" not in said


def test_assert_unbiased_fails_where_the_rows_do_not_suffice() -> None:
    with pytest.raises(AssertionError, match=r"inconclusive \(budget\): .*; about \d+ rows would decide"):
        assert_unbiased("score_function", "random_walk:100/square/p", tolerance=0.01, profile="quick")


def test_assert_unbiased_names_every_problem_that_failed() -> None:
    with pytest.raises(AssertionError) as caught:
        assert_unbiased(StraightThrough(), "bernoulli:0.3", tolerance=0.05)
    assert len(str(caught.value).splitlines()) == 3


def test_assert_unbiased_holds_a_declared_bias_to_unbiased() -> None:
    with pytest.raises(AssertionError, match=r"straight_through on bernoulli:0\.3/cubic/p: biased"):
        assert_unbiased("straight_through", "bernoulli:0.3/cubic", tolerance=0.1)


def test_assert_unbiased_names_a_missing_gradient_path() -> None:
    with pytest.raises(AssertionError, match=r"Detached\(\) on fair: no-gradient \(no gradient path\): site 0"):
        assert_unbiased(wrong.Detached(), FAIR)


def test_assert_variance_at_most() -> None:
    """The exact variance of the pruned triple on the walk is 3.32 at n = 10; false-fail rate 1e-6."""
    assert_variance_at_most("stochastic_triple", WALK, 3.32)
    assert_variance_at_most("stochastic_triple", WALK, 30.0)
    with pytest.raises(AssertionError, match=r"variance 3\.[\d]+ of one replicate, above 2.7 \(lower limit [\d.]+ at a false"):
        assert_variance_at_most("stochastic_triple", WALK, 2.7)


def test_assert_variance_at_most_of_a_constant_and_of_nothing() -> None:
    assert_variance_at_most("enumeration", FAIR, 0.0)
    with pytest.raises(AssertionError, match=r"Detached\(\) on fair: no variance was measured: site 0"):
        assert_variance_at_most(wrong.Detached(), FAIR, 1.0)


def test_importing_the_package_is_cheap() -> None:
    """It loads no PyTorch: a pytest plugin is loaded in every run of every project."""
    code = "import sys, gradverify.verification as v; dir(v); sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

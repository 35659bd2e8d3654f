"""The assertions: what passes, what fails, and what their messages say."""

from __future__ import annotations

import pytest

from gradverify.estimators import LeaveOneOut, ScoreFunction, StraightThrough
from gradverify.verification import assert_not_worse_than, assert_unbiased, assert_variance_at_most

from ..targets import wrong
from ..targets.programs import FAIR, several

WALK = "random_walk:10/square/p"


def test_assert_unbiased_passes_on_a_sound_estimator() -> None:
    """False-fail rate 1e-6 each, as stated by the assertion itself."""
    assert_unbiased("leave_one_out", FAIR, tolerance=0.05)
    assert_unbiased(ScoreFunction(baseline=4.0), several()[0], tolerance=0.05)


def test_assert_unbiased_says_what_was_found() -> None:
    with pytest.raises(AssertionError) as caught:
        assert_unbiased(wrong.Scaled(1.1), FAIR, tolerance=0.05, seed=3)
    said = str(caught.value)
    for part in (
        "Scaled(factor=1.1) on fair: biased: rescaled by 1.1",
        "; relative error 1",
        "; tolerance 5 %, reference exact (enumeration), ",
        "false-fail rate 1e-06, seed 3.",
    ):
        assert part in said
    options = "tolerance=0.05, false_fail_rate=1e-06, profile='standard', seed=3"
    assert said.splitlines()[1:] == [f"replay: assert_unbiased(Scaled(factor=1.1), fair, {options})"]


def test_assert_unbiased_passes_a_bias_inside_the_tolerance() -> None:
    """A gradient scaled by 1.06 is found biased, and negligibly so against ten per cent; false-fail rate 1e-6."""
    assert_unbiased(wrong.Scaled(1.06), FAIR, tolerance=0.1)
    with pytest.raises(AssertionError, match="biased"):
        assert_unbiased(wrong.Scaled(1.06), FAIR, tolerance=0.05)


def test_assert_unbiased_fails_where_the_rows_do_not_suffice() -> None:
    with pytest.raises(AssertionError, match=r"inconclusive \(budget\): .*; about \d+ rows would decide"):
        assert_unbiased("score_function", "random_walk:30/square/p", tolerance=0.01, profile="quick")


def test_assert_unbiased_names_every_problem_that_failed() -> None:
    with pytest.raises(AssertionError) as caught:
        assert_unbiased(StraightThrough(), "bernoulli:0.3", tolerance=0.05)
    assert [line.split(" on ")[0] for line in str(caught.value).splitlines()[:-1]] == [repr(StraightThrough())] * 3


def test_assert_unbiased_holds_a_declared_bias_to_unbiased() -> None:
    with pytest.raises(AssertionError, match=r"straight_through on bernoulli:0\.3/cubic/p: biased"):
        assert_unbiased("straight_through", "bernoulli:0.3/cubic", tolerance=0.1)


def test_assert_unbiased_names_a_missing_gradient_path() -> None:
    with pytest.raises(AssertionError, match=r"Detached\(\) on fair: no-gradient \(no gradient path\): site 0"):
        assert_unbiased(wrong.Detached(), FAIR)


def test_the_replay_line_repeats_the_failure() -> None:
    with pytest.raises(AssertionError) as caught:
        assert_unbiased("straight_through", "bernoulli:0.3/cubic", tolerance=0.1, seed=5)
    said = str(caught.value)
    with pytest.raises(AssertionError) as again:
        eval(said.partition("replay: ")[2], {"assert_unbiased": assert_unbiased})
    assert str(again.value) == said


def test_assert_variance_at_most() -> None:
    """The exact variance of the pruned triple on the walk is 3.32 at n = 10; false-fail rate 1e-6."""
    assert_variance_at_most("stochastic_triple", WALK, 3.32)
    assert_variance_at_most("stochastic_triple", WALK, 30.0)
    said = r"variance 3\.\d+ of one replicate in \[3\.\d+, 3\.\d+\], above 2\.7; 65536 rows, confirmed on fresh ones; false-f"
    with pytest.raises(AssertionError, match=said):
        assert_variance_at_most("stochastic_triple", WALK, 2.7)


def test_assert_variance_at_most_finds_a_planted_excess() -> None:
    """Rows times 1.05 have 1.1025 times the variance, 3.66 instead of 3.32; power 0.9 at an excess of 2 %."""
    limit = 3.33
    assert_variance_at_most(LeaveOneOut(), FAIR, 49.0)  # 49 exactly
    with pytest.raises(AssertionError, match=r"variance 5\d\.\d+ of one replicate in .*, above 49; 65536 rows"):
        assert_variance_at_most(wrong.Scaled(1.05), FAIR, 49.0)
    with pytest.raises(AssertionError, match=r"above 3\.33"):
        assert_variance_at_most("stochastic_triple", "random_walk:11/square/p", limit)


def test_assert_variance_at_most_of_a_constant_and_of_nothing() -> None:
    assert_variance_at_most("enumeration", FAIR, 0.0)
    with pytest.raises(AssertionError, match=r"Detached\(\) on fair: no variance of Detached\(\) was measured: site 0"):
        assert_variance_at_most(wrong.Detached(), FAIR, 1.0)
    with pytest.raises(AssertionError, match=r"no variance of .* was measured: .*rows"):
        assert_variance_at_most(wrong.CoupledRows(), FAIR, 1000.0)


def test_assert_not_worse_than() -> None:
    """The triple's variance grows as n^2 / 4 or so, the score function's as n^3; false-fail rate 1e-6 each."""
    assert_not_worse_than("stochastic_triple", "score_function", WALK)
    with pytest.raises(AssertionError) as caught:
        assert_not_worse_than("score_function", "stochastic_triple", WALK, seed=2)
    said = str(caught.value).splitlines()
    assert said[0].startswith(f"score_function on {WALK}: variance 5")
    assert "times that of the baseline in [1" in said[0]
    assert said[0].endswith(
        "], above 1.1 times that of stochastic_triple; 65536 rows, confirmed on fresh ones; false-fail rate 1e-06, seed 2"
    )
    assert said[1] == (
        f"replay: assert_not_worse_than('score_function', 'stochastic_triple', '{WALK}', "
        "margin=0.1, false_fail_rate=1e-06, profile='quick', seed=2)"
    )


def test_an_estimator_is_not_worse_than_itself() -> None:
    for problem in (FAIR, "bits:3"):
        assert_not_worse_than("leave_one_out", "leave_one_out", problem, margin=0.0)
        assert_not_worse_than(LeaveOneOut(), LeaveOneOut(), problem, margin=0.0)


def test_a_regression_of_five_per_cent_is_found_on_common_random_numbers() -> None:
    """Planted: rows times 1.025, the variance 1.0506 times as large. Without pairing 1.1 would not be told from 1.0."""
    with pytest.raises(AssertionError, match=r"1\.051 times that of the baseline in \[1\.051, 1\.051\], above 1\.02 times"):
        assert_not_worse_than(wrong.Scaled(1.025), LeaveOneOut(), FAIR, margin=0.02)
    assert_not_worse_than(wrong.Scaled(1.025), LeaveOneOut(), FAIR, margin=0.06)


def test_cost_counts_evaluations() -> None:
    """Exactly: 49 with two evaluations, a sixth of that with four, so a third at equal evaluations."""
    assert_not_worse_than(LeaveOneOut(2), LeaveOneOut(4), FAIR, margin=2.2, cost="evaluations")
    with pytest.raises(
        AssertionError, match=r", 6\.\d+ times that of the baseline in .*, above 3\.2 times that of LeaveOneOut\(group=4\);"
    ):
        assert_not_worse_than(LeaveOneOut(2), LeaveOneOut(4), FAIR, margin=2.2)
    with pytest.raises(AssertionError, match=r"\(group=4\) at equal evaluations;"):
        assert_not_worse_than(LeaveOneOut(2), LeaveOneOut(4), FAIR, margin=1.8, cost="evaluations")


def test_assert_not_worse_than_names_what_could_not_be_measured() -> None:
    with pytest.raises(AssertionError, match=r"leave_one_out on fair: no variance of Detached\(\) was measured: site 0"):
        assert_not_worse_than("leave_one_out", wrong.Detached(), FAIR)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"margin": -0.1}, "margin=-0.1"),
        ({"cost": "seconds"}, "cost='seconds'"),
        ({"false_fail_rate": 0.0}, "false_fail_rate=0"),
        ({"profile": "slow"}, "profile='slow'"),
    ],
)
def test_options_out_of_range_are_refused(options: dict, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        assert_not_worse_than("leave_one_out", "score_function", FAIR, **options)


def test_a_negative_limit_is_refused() -> None:
    with pytest.raises(ValueError, match="not negative"):
        assert_variance_at_most("leave_one_out", FAIR, -1.0)

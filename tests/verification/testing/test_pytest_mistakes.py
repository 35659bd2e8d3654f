"""Mistakes in tests that use the fixture: one message, at the test's own line, and no frame of the package."""

from __future__ import annotations

import pytest

from gradverify.verification.run import verification as run  # noqa: F401

# What an inner run imports first it forgets again, with its classes: so everything that it uses is imported here.
from .test_pytest_plugin import run_here

pytest_plugins = ["pytester"]

MISTAKES = {
    "assert_unbiased('leave_one_outt', 'bits')": "TargetError: unknown estimator 'leave_one_outt'; did you mean leave_one_out?",
    "assert_unbiased('dice', 'bernoulli:0.3/cubik')": "TargetError: 'bernoulli:0.3/cubik' names no problem; expected one of",
    "assert_unbiased('nowhere.py:x', 'bits')": "TargetError: 'nowhere.py:x': there is no file",
    "assert_unbiased('dice', 'bits', tolerence=0.1)": "TypeError: assert_unbiased has no option 'tolerence'; expected one of",
    "assert_unbiased('dice', 'bits', margin=0.1)": "TypeError: assert_unbiased has no option 'margin'",
    "assert_unbiased('dice', 'bits', profile='slow')": "ValueError: profile='slow'; expected one of quick",
    "assert_unbiased('dice')": "TypeError: no problem: give one to the assertion",
    "assert_variance_at_most('dice', 'bits')": "TypeError: assert_variance_at_most needs variance=",
    "assert_not_worse_than('dice', 'dicey', 'bits')": "TargetError: unknown estimator 'dicey'; did you mean dice?",
    "assert_not_worse_than('dice', 'dice', 'bits', cost='seconds')": "ValueError: cost='seconds'; expected 'evaluations'",
    "verify('dicey', 'bits')": "TargetError: unknown estimator 'dicey'",
    "verify('dice', 'bits', false_fail_rate=1e-3)": "TypeError: verify has no option 'false_fail_rate'",
    "assert_unbiased('dice', 'bits', false_fail_rate=0.1)": "BudgetError: this assertion asks for a false-fail rate of 0.1",
}


def test_a_mistake_is_one_message_at_the_line_that_made_it(pytester: pytest.Pytester) -> None:
    calls = [f"def test_{k}(gradverify): gradverify.{call}" for k, call in enumerate(MISTAKES)]
    pytester.makepyfile("\n".join(calls))
    result = run_here(pytester, "--tb=short")
    result.assert_outcomes(failed=len(MISTAKES))
    traces = "\n".join(result.outlines).split("_ test_")[1:]
    for trace, said in zip(traces, MISTAKES.values(), strict=True):
        shown = [line for line in trace.partition("=====")[0].splitlines() if ": in " in line or line.startswith("E  ")]
        assert len([line for line in shown if ": in " in line]) == 1, trace
        assert said in shown[1]


def test_the_verify_of_a_test_takes_every_option_of_the_api(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        def test_look(gradverify):
            record = gradverify.verify("dice", "bernoulli:0.3/cubic", alpha=1e-5, device="cpu", expect="any", budget=60.0)
            assert record.run.alpha == 1e-5
        """
    )
    run_here(pytester).assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("marker", "said"),
    [("tolerence=0.1", "tolerence is not known"), ("'bernoulli'", "'bernoulli' is not known"), ("", "no problem: give one")],
)
def test_a_marker_that_says_nothing_known_is_refused(pytester: pytest.Pytester, marker: str, said: str) -> None:
    pytester.makepyfile(
        f"""
        import pytest

        @pytest.mark.gradverify({marker})
        def test_marked(gradverify):
            gradverify.assert_unbiased("leave_one_out")
        """
    )
    result = run_here(pytester)
    result.assert_outcomes(errors=1 if marker else 0, failed=0 if marker else 1)
    result.stdout.fnmatch_lines([f"*{said}*"])


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("gradverify_budget = much", "'much'; expected a prob"),
        ("gradverify_assertions = 0.5", "'0.5'; expected a whole number"),
    ],
)
def test_options_out_of_range_are_refused(pytester: pytest.Pytester, line: str, said: str) -> None:
    pytester.makeini(f"[pytest]\n{line}\n")
    result = run_here(pytester)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"*{said}*"])

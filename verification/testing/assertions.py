"""Assertions about a gradient estimator: unbiased, of bounded variance, not worse than another.

Each fails sound code with a stated probability, draws from a stated seed, and when it fails says what was found, how sure that
is and how to see it again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Literal

from ...estimators.adapters import ForeignHints
from ..api import Target
from ..problems.problem import Problem
from ..seeds import stable_repr
from .answer import answer
from .judgement import Judgement, judge_not_worse, judge_unbiased, judge_variance
from .options import BiasOptions, Options, RatioOptions

__all__ = ["assert_not_worse_than", "assert_unbiased", "assert_variance_at_most", "insist"]


def assert_unbiased(
    estimator: Target,
    problem: str | Problem,
    *,
    tolerance: float = 0.05,
    false_fail_rate: float = 1e-6,
    profile: str = "standard",
    seed: int = 0,
    wanted: ForeignHints | None = None,
) -> None:
    """Assert that an estimator shows no bias above a tolerance.

    Correct code fails with probability at most `false_fail_rate`. Code that is off by more than the tolerance passes with
    probability below one in twenty; off by half as much again, hardly ever. A bias that is found and lies inside the tolerance
    passes: else the same code would pass or fail with the number of rows.

    Args:
        estimator: The estimator, its name or a target.
        problem: The problem or its name; a name of several asserts all of them.
        tolerance: Relative to the gradient's size.
        false_fail_rate: Probability of failing for an unbiased estimator.
        profile: Sets the rows at most: ``quick`` 3e5, ``standard`` 3e6, ``thorough`` 3e7.
        seed: Entropy.
        wanted: What foreign code takes and returns, where calling it does not say.

    Raises:
        AssertionError: It is biased by more, or the rows did not suffice to say that it is not.

    Example:
        >>> assert_unbiased("leave_one_out", "bernoulli:0.3/cubic", tolerance=0.1)
    """
    __tracebackhide__ = True
    options = BiasOptions(tolerance=tolerance, false_fail_rate=false_fail_rate, profile=profile, seed=seed, wanted=wanted)
    _ask(judge_unbiased, "assert_unbiased", (estimator, problem), options)


def assert_variance_at_most(
    estimator: Target,
    problem: str | Problem,
    variance: float,
    *,
    false_fail_rate: float = 1e-6,
    profile: str = "quick",
    seed: int = 0,
    wanted: ForeignHints | None = None,
) -> None:
    """Assert that one replicate's variance (its widest coordinate) is not above a limit.

    It fails where two stages of independent rows both find an excess, so that the rate holds for skewed rows too; and where
    the rows are too heavy-tailed for their sample variance to be believed. An excess is found with probability 0.9 once it is
    about ``5 sqrt(kappa / m)`` of the limit, with m rows a stage and kurtosis kappa: 3 to 10 % in the ``quick`` profile.

    Args:
        estimator: The estimator, its name or a target.
        problem: The problem or its name; a name of several asserts all of them.
        variance: The limit, in squared units of the gradient.
        false_fail_rate: Probability of failing where the true variance is the limit or less.
        profile: Sets the rows of a stage: ``quick`` 3e4, ``standard`` 1e5, ``thorough`` 5e5, four times that for heavy tails.
        seed: Entropy.
        wanted: What foreign code takes and returns, where calling it does not say.

    Raises:
        AssertionError: The variance is above the limit, or could not be measured.

    Example:
        >>> assert_variance_at_most("stochastic_triple", "random_walk:10/square/p", 3.5)
    """
    __tracebackhide__ = True
    options = Options(false_fail_rate=false_fail_rate, profile=profile, seed=seed, wanted=wanted)
    _ask(judge_variance, "assert_variance_at_most", (estimator, problem, variance), options)


def assert_not_worse_than(
    estimator: Target,
    baseline: Target,
    problem: str | Problem,
    *,
    margin: float = 0.1,
    cost: Literal["evaluations"] | None = None,
    false_fail_rate: float = 1e-6,
    profile: str = "quick",
    seed: int = 0,
    wanted: ForeignHints | None = None,
) -> None:
    r"""Assert that one replicate's variance is not above another estimator's by more than a margin.

    .. math:: \max_j V_j \le (1 + \mathrm{margin}) \max_j V^\mathrm{baseline}_j

    With ``cost="evaluations"`` both sides are multiplied by the program evaluations of a replicate: the variance that a budget
    of evaluations buys. Both estimators draw with the same random numbers, so that two versions of one estimator are told
    apart by a difference of a few per cent. It fails where two stages of independent rows both find the excess, and where
    heavy tails forbid an answer. It says nothing about bias: assert that beside it.

    Args:
        estimator: The estimator, its name or a target.
        baseline: The estimator to compare with.
        problem: The problem or its name; a name of several asserts all of them.
        margin: Excess that is allowed, relative.
        cost: ``evaluations``, or None to compare single replicates.
        false_fail_rate: Probability of failing where the variance is within the margin; up to six times that where the
            baseline's tail is as heavy as a lognormal's.
        profile: Sets the rows of a stage: ``quick`` 3e4, ``standard`` 1e5, ``thorough`` 5e5, four times that for heavy tails.
        seed: Entropy.
        wanted: What foreign code takes and returns, where calling it does not say.

    Raises:
        AssertionError: The variance is above the margin, or could not be compared.

    Example:
        >>> assert_not_worse_than("stochastic_triple", "score_function", "random_walk:10/square/p")
    """
    __tracebackhide__ = True
    options = RatioOptions(margin=margin, cost=cost, false_fail_rate=false_fail_rate, profile=profile, seed=seed, wanted=wanted)
    _ask(judge_not_worse, "assert_not_worse_than", (estimator, baseline, problem), options)


def insist(judgements: Sequence[Judgement], replay: str) -> None:
    """Pass, or fail with a sentence for every judgement that does not hold, and how to see them again.

    Raises:
        AssertionError: Some judgement does not hold.
    """
    __tracebackhide__ = True
    wrong = [each.sentence for each in judgements if not each.passed]
    if wrong:
        raise AssertionError("\n".join([*wrong, f"replay: {replay}"]))


def _ask(judge: Callable[..., list[Judgement]], function: str, given: tuple[Any, ...], options: Mapping[str, Any]) -> None:
    __tracebackhide__ = True
    replay = _line(function, given, options)
    insist(answer(partial(judge, *given, **options, replay=replay)), replay)


def _line(function: str, given: tuple[object, ...], options: Mapping[str, Any]) -> str:
    """A line of Python that asks the same question with the same rows."""
    words = [each.name if isinstance(each, Problem) else stable_repr(each) for each in given]
    return f"{function}({', '.join([*words, *(f'{key}={value!r}' for key, value in options.items() if value is not None)])})"

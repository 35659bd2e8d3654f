"""The fixture ``gradverify``: the assertions of `gradverify.verification`, on the session's budget and the test's seed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from inspect import signature
from typing import Any

from ..plan import PROFILES
from ..problems.problem import Problem
from ..record.head import run_head
from ..record.record import Record
from ..run.naming import Problems, Target, Targets, name_problems
from ..run.request import options as verify_options
from ..run.request import rename_options, verify
from .answer import answer
from .assertions import assert_not_worse_than, assert_unbiased, assert_variance_at_most, insist
from .judgement import Judgement, judge_not_worse, judge_unbiased, judge_variance, judgements_of
from .pytest_session import Assertion, Budget, Line

__all__ = ["DEFAULTS", "Gradverify"]

DEFAULTS = ("problem", "tolerance", "profile", "false_fail_rate", "margin", "cost", "seed")
"""What the marker may set for the assertions of a test."""

Judge = Callable[..., list[Judgement]]


@dataclass(frozen=True, eq=False)
class Gradverify:
    """The assertions of one test.

    An argument that is left out comes from the marker ``gradverify``, else from the session (the false-fail rate from its
    budget, the seed from its seed and the test's node id, the profile from ``--gradverify-profile``), else from the assertion
    of the same name.

    Attributes:
        test: Node id.
        replay: The command that runs this test again with the same rows.
        budget: The session's.
        defaults: What marker and session set.
        made: The assertions made so far.
        tell: Called with a name and a text for every verdict: a property of the test in JUnit.
    """

    test: str
    replay: str
    budget: Budget = field(repr=False)
    defaults: Mapping[str, Any]
    tell: Callable[[str, object], None] = field(repr=False)
    made: list[Assertion] = field(default_factory=list, repr=False)

    def verify(
        self,
        estimators: Targets,
        problems: Problems | None = None,
        **options: Any,
    ) -> Record:
        """The record of some estimators on some problems, see `gradverify.verification.verify`; it asserts nothing.

        Args:
            estimators: One or several.
            problems: One or several.
            options: As of `gradverify.verification.verify`; ``alpha``, the false-alarm rate of the whole call, is charged to
                the session's budget, and is its share for one assertion where it is not given.
        """
        __tracebackhide__ = True
        settled = self._settle(verify, options, rate="alpha")
        place = self.defaults.get("problem", ()) if problems is None else problems
        self.budget.charge(settled["alpha"])
        record = answer(lambda: verify(estimators, place, **settled))
        self._enter(judgements_of(record, self.replay), settled["alpha"], settled["seed"], record)
        return record

    def assert_unbiased(self, estimator: Target, problem: str | Problem | None = None, **options: Any) -> None:
        """Assert that an estimator shows no bias above a tolerance; see `gradverify.verification.assert_unbiased`."""
        __tracebackhide__ = True
        self._assert(assert_unbiased, partial(judge_unbiased, estimator), problem, options)

    def assert_variance_at_most(
        self,
        estimator: Target,
        problem: str | Problem | None = None,
        variance: float | None = None,
        **options: Any,
    ) -> None:
        """Assert that one replicate's variance is not above a limit; see `gradverify.verification.assert_variance_at_most`."""
        __tracebackhide__ = True
        if variance is None:
            raise TypeError("assert_variance_at_most needs variance=..., the limit in squared units of the gradient")
        self._assert(assert_variance_at_most, partial(judge_variance, estimator, variance=variance), problem, options)

    def assert_not_worse_than(
        self, estimator: Target, baseline: Target, problem: str | Problem | None = None, **options: Any
    ) -> None:
        """Assert that a variance is not above a baseline's; see `gradverify.verification.assert_not_worse_than`."""
        __tracebackhide__ = True
        self._assert(assert_not_worse_than, partial(judge_not_worse, estimator, baseline), problem, options)

    def _assert(
        self, assertion: Callable[..., None], judge: Judge, problem: str | Problem | None, options: Mapping[str, Any]
    ) -> None:
        __tracebackhide__ = True
        settled, place = self._settle(assertion, options), self._problem(problem)
        rate = settled["false_fail_rate"]
        self.budget.charge(rate)
        judged = answer(lambda: judge(problem=place, **settled, replay=self.replay))
        self._enter(judged, rate, settled["seed"], _record(judged, place, settled, self.replay))
        insist(judged, self.replay)

    def _settle(
        self, function: Callable[..., object], options: Mapping[str, Any], *, rate: str = "false_fail_rate"
    ) -> dict[str, Any]:
        """As given, else from marker and session, else the function's own; its ``rate`` is the session's to give."""
        __tracebackhide__ = True
        options = rename_options(options, stacklevel=5)
        own = {each.name: each.default for each in signature(function).parameters.values() if each.kind is each.KEYWORD_ONLY}
        known = dict.fromkeys((*own, *verify_options()))
        unknown = sorted(set(options) - set(known))
        if unknown:
            raise TypeError(f"{function.__name__} has no option {unknown[0]!r}; expected one of {', '.join(known)}")
        usual = {**own, **{name: value for name, value in self.defaults.items() if name in own}}
        usual[rate] = self.defaults.get("false_fail_rate", self.budget.share)
        return {**usual, **{name: value for name, value in options.items() if value is not None}}

    def _problem(self, given: str | Problem | None) -> str | Problem:
        __tracebackhide__ = True
        found = self.defaults.get("problem") if given is None else given
        if found is None:
            raise TypeError("no problem: give one to the assertion, or to the test as @pytest.mark.gradverify(problem=...)")
        return found

    def _enter(self, judged: Sequence[Judgement], rate: float, seed: int, record: Record) -> None:
        lines = tuple(Line(each.passed, each.question, each.sentence) for each in judged)
        self.made.append(Assertion(self.test, rate, seed, lines, record.to_json()))
        for each in lines:
            self.tell(f"gradverify {each.question}", each.sentence)


def _record(judged: Sequence[Judgement], problem: str | Problem, settled: Mapping[str, Any], replay: str) -> Record:
    profile = PROFILES[settled["profile"]]
    head = run_head(
        command=replay,
        profile=profile.name,
        seed=settled["seed"],
        device=settled.get("device", "cpu"),
        dtypes={each.params.dtype for each in name_problems(problem, quick=False)[0]},
        alpha=settled["false_fail_rate"],
        tolerance=settled.get("tolerance", profile.r_accept),
        timing={},
    )
    return Record(run=head, cells=tuple(each.cell for each in judged))

"""The fixture ``gradverify``: the assertions of `gradverify.verification`, on the session's budget and the test's seed."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from .pytest_session import Assertion, Budget, Line

if TYPE_CHECKING:
    from ..estimators.adapters import Wanted
    from .api import Target
    from .asserting.judgement import Judgement
    from .problems.problem import Problem
    from .record import Record

__all__ = ["DEFAULTS", "Gradverify"]

DEFAULTS = ("problem", "tolerance", "profile", "false_fail_rate", "margin", "cost", "seed")
"""What the marker may set for the assertions of a test."""

Judge = Callable[..., list["Judgement"]]


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
        estimators: Target | Iterable[Target] | Mapping[str, Target],
        problems: str | Problem | Iterable[str | Problem] | None = None,
        *,
        alpha: float | None = None,
        tolerance: float | None = None,
        profile: str | None = None,
        seed: int | None = None,
        expect: str = "claims",
        wanted: Wanted | None = None,
    ) -> Record:
        """The record of some estimators on some problems, see `gradverify.verification.verify`; it asserts nothing.

        Args:
            estimators: One or several.
            problems: One or several.
            alpha: False-alarm rate of the whole call; the session's share for one assertion if None.
            tolerance: Relative bias that is accepted.
            profile: ``quick``, ``standard`` or ``thorough``.
            seed: Entropy.
            expect: What estimators are held to.
            wanted: What foreign code takes and returns, where calling it does not say.
        """
        from .api import verify
        from .asserting.judgement import judgements_of

        given = {"false_fail_rate": alpha, "tolerance": tolerance, "profile": profile, "seed": seed}
        settled = self._settled(given, {"tolerance": None, "profile": "quick"})
        place = self.defaults.get("problem", ()) if problems is None else problems
        rate = settled.pop("false_fail_rate")
        self.budget.charge(rate)
        record = verify(estimators, place, alpha=rate, expect=expect, wanted=wanted, **settled)
        self._enter(judgements_of(record, self.replay), rate, settled["seed"], record)
        return record

    def assert_unbiased(
        self,
        estimator: Target,
        problem: str | Problem | None = None,
        *,
        tolerance: float | None = None,
        false_fail_rate: float | None = None,
        profile: str | None = None,
        seed: int | None = None,
        wanted: Wanted | None = None,
    ) -> None:
        """Assert that an estimator shows no bias above a tolerance; see `gradverify.verification.assert_unbiased`."""
        __tracebackhide__ = True
        from .asserting.assertions import assert_unbiased
        from .asserting.judgement import judge_unbiased

        given = {"tolerance": tolerance, "false_fail_rate": false_fail_rate, "profile": profile, "seed": seed, "wanted": wanted}
        settled = self._settled(given, _own_defaults(assert_unbiased))
        self._assert(partial(judge_unbiased, estimator), self._problem(problem), settled)

    def assert_variance_at_most(
        self,
        estimator: Target,
        problem: str | Problem | None = None,
        variance: float | None = None,
        *,
        false_fail_rate: float | None = None,
        profile: str | None = None,
        seed: int | None = None,
        wanted: Wanted | None = None,
    ) -> None:
        """Assert that one replicate's variance is not above a limit; see `gradverify.verification.assert_variance_at_most`."""
        __tracebackhide__ = True
        from .asserting.assertions import assert_variance_at_most
        from .asserting.judgement import judge_variance

        if variance is None:
            raise TypeError("assert_variance_at_most needs variance=..., the limit in squared units of the gradient")
        given = {"false_fail_rate": false_fail_rate, "profile": profile, "seed": seed, "wanted": wanted}
        settled = self._settled(given, _own_defaults(assert_variance_at_most))
        self._assert(partial(judge_variance, estimator, variance=variance), self._problem(problem), settled)

    def assert_not_worse_than(
        self,
        estimator: Target,
        baseline: Target,
        problem: str | Problem | None = None,
        *,
        margin: float | None = None,
        cost: Literal["evaluations"] | None = None,
        false_fail_rate: float | None = None,
        profile: str | None = None,
        seed: int | None = None,
        wanted: Wanted | None = None,
    ) -> None:
        """Assert that a variance is not above a baseline's; see `gradverify.verification.assert_not_worse_than`."""
        __tracebackhide__ = True
        from .asserting.assertions import assert_not_worse_than
        from .asserting.judgement import judge_not_worse

        given = {
            "margin": margin,
            "cost": cost,
            "false_fail_rate": false_fail_rate,
            "profile": profile,
            "seed": seed,
            "wanted": wanted,
        }
        settled = self._settled(given, _own_defaults(assert_not_worse_than))
        self._assert(partial(judge_not_worse, estimator, baseline), self._problem(problem), settled)

    def _settled(self, given: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
        """The options: as given, else from marker and session, else the assertion's own."""
        usual = {**own, **{name: value for name, value in self.defaults.items() if name in given}}
        usual.setdefault("false_fail_rate", self.budget.share)
        return {name: usual[name] if value is None else value for name, value in given.items()}

    def _problem(self, given: str | Problem | None) -> str | Problem:
        found = self.defaults.get("problem") if given is None else given
        if found is None:
            raise TypeError("no problem: give one to the assertion, or to the test as @pytest.mark.gradverify(problem=...)")
        return found

    def _assert(self, judge: Judge, problem: str | Problem, settled: dict[str, Any]) -> None:
        __tracebackhide__ = True
        from .asserting.assertions import insist

        self.budget.charge(settled["false_fail_rate"])
        judged = judge(problem=problem, **settled, replay=self.replay)
        self._enter(judged, settled["false_fail_rate"], settled["seed"], _record(judged, problem, settled, self.replay))
        insist(judged, self.replay)

    def _enter(self, judged: Sequence[Judgement], rate: float, seed: int, record: Record) -> None:
        lines = tuple(Line(each.passed, each.question, each.sentence) for each in judged)
        self.made.append(Assertion(self.test, rate, seed, lines, record.to_json()))
        for each in lines:
            self.tell(f"gradverify {each.question}", each.sentence)


def _own_defaults(assertion: Callable[..., None]) -> dict[str, Any]:
    """The defaults of an assertion's options; the false-fail rate is the session's to give."""
    options = inspect.signature(assertion).parameters.values()
    found = {each.name: each.default for each in options if each.kind is each.KEYWORD_ONLY}
    del found["false_fail_rate"]
    return found


def _record(judged: Sequence[Judgement], problem: str | Problem, settled: Mapping[str, Any], replay: str) -> Record:
    from .api import _found
    from .head import run_head
    from .plan import PROFILES
    from .record import Record

    profile = PROFILES[settled["profile"]]
    head = run_head(
        command=replay,
        profile=profile.name,
        seed=settled["seed"],
        device="cpu",
        dtypes={each.params.dtype for each in _found(problem, quick=False)},
        alpha=settled["false_fail_rate"],
        tolerance=settled.get("tolerance", profile.r_accept),
        timing={},
    )
    return Record(run=head, cells=tuple(each.cell for each in judged))

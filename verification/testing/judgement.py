"""Judgements: what an assertion finds before it passes or fails, one for every problem, with a sentence and a cell."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from ...estimators.protocol import Estimator
from ..checks.conformance import Conformance
from ..drawing.replicates import DependentRowsError, Replicates, evaluations
from ..plan import settle
from ..problems.problem import Problem
from ..record.record import Cell, Check, Record
from ..report.cell_words import answer
from ..report.gradient_words import bias_facts
from ..run.assembly import foreign_hints
from ..run.naming import Target, load_target, name_problems, name_targets
from ..run.options import Asked
from ..run.request import options as verify_options
from ..run.request import rename_options, verify
from ..statistics.variance_excess import Excess, Looks, variance_above, variance_above_baseline
from ..subject import Subject, estimator_facts
from ..verdicts import Claim, LimitOutcome, Status
from ..workbench import Workbench

__all__ = ["Judgement", "judge_not_worse", "judge_unbiased", "judge_variance", "judgements_of"]

UNUSED_ALPHA = 1e-3
"""A false-alarm rate that `settle` accepts; a judgement brings its own."""

_CLAIMS: Mapping[LimitOutcome, Claim] = {
    "within": "supported",
    "above": "refuted",
    "inconclusive": "inconclusive",
    "failed": "refuted",
}
_NOT_MEASURED: tuple[LimitOutcome, Claim] = ("not measured", "inconclusive")
_REASONS = {
    "tail": "rows too heavy-tailed to believe their sample variance; give more rows (profile), or use exact moments",
    "gate": "the problem's rarest event is too rare for these rows; give more rows (profile)",
    "not finite": "rows hold NaN or infinity",
}


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """One question, asked of one estimator on one problem.

    Attributes:
        question: ``unbiased``, ``variance`` or ``not worse``.
        passed: Whether the assertion holds here.
        sentence: What was found and how sure that is, one line.
        cell: The same for a record.
    """

    question: str
    passed: bool
    sentence: str
    cell: Cell


def judge_unbiased(
    estimator: Target, problem: str | Problem, *, false_fail_rate: float, replay: str = "", **options: Any
) -> list[Judgement]:
    """Judge whether an estimator shows no bias above a tolerance; see `assert_unbiased`, all of whose options are needed."""
    record = verify(estimator, problem, alpha=false_fail_rate, expect="unbiased", **options)
    judged = judgements_of(record, replay)
    return [replace(judgement, question="unbiased", passed=_tolerable(_bias(judgement.cell))) for judgement in judged]


def judgements_of(record: Record, replay: str = "") -> list[Judgement]:
    """Return a judgement of each cell of a record: it holds unless a claim is refuted or something failed."""
    sure = f"false-fail rate {record.run.alpha:g}, seed {record.run.seed}"
    return [
        Judgement(
            question="verify",
            passed=cell.status == "ok" and all(each.claim != "refuted" for each in cell.checks),
            sentence=_bias_sentence(cell, record.run.tolerance, sure),
            cell=replace(cell, replay=replay),
        )
        for cell in record.cells
        if cell.estimator != "references"
    ]


def judge_variance(
    estimator: Target,
    problem: str | Problem,
    variance: float,
    *,
    false_fail_rate: float,
    replay: str = "",
    **options: Any,
) -> list[Judgement]:
    """Judge whether one replicate's variance is not above a limit; see `assert_variance_at_most`."""
    if not variance >= 0:
        raise ValueError(f"variance={variance}; expected a limit that is not negative")
    pairs = _Pairs.of([estimator], problem, false_fail_rate, options)
    judged = []
    for (subject,) in pairs.subjects:
        draws = Replicates((subject,))
        test = partial(variance_above, limit=variance, alpha=pairs.alpha, rarest=subject.reference.rarest)
        answer = draws.refusal() or _ask_test(draws, test)
        judged.append(_judgement(_Asked("variance", subject, f"{variance:.6g}", pairs.sure), answer, replay))
    return judged


def judge_not_worse(
    estimator: Target,
    baseline: Target,
    problem: str | Problem,
    *,
    false_fail_rate: float,
    margin: float,
    cost: str | None,
    replay: str = "",
    **options: Any,
) -> list[Judgement]:
    """Judge whether a variance is not above a baseline's; see `assert_not_worse_than`."""
    if not margin >= 0:
        raise ValueError(f"margin={margin}; expected a number that is not negative: 0.1 allows ten per cent")
    if cost not in ("evaluations", None):
        raise ValueError(f"cost={cost!r}; expected 'evaluations' or None")
    pairs = _Pairs.of([estimator, baseline], problem, false_fail_rate, options)
    judged = []
    for subject, other in pairs.subjects:
        answer = _compare(Replicates((subject, other)), margin, cost, pairs.alpha)
        allowed = f"{1 + margin:.6g} times that of {other.name}" + (" at equal evaluations" if cost else "")
        judged.append(_judgement(_Asked("not worse", subject, allowed, pairs.sure), answer, replay))
    return judged


def _compare(draws: Replicates, margin: float, cost: str | None, alpha: float) -> tuple[str, Conformance] | Excess:
    refused = draws.refusal()
    if refused:
        return refused
    spent = [evaluations(subject.fitted, subject.problem) if cost else 1.0 for subject in draws.subjects]
    rarest = draws.subjects[0].reference.rarest
    test = partial(variance_above_baseline, margin=margin, alpha=alpha, cost_ratio=spent[0] / spent[1], rarest=rarest)
    return _ask_test(draws, test)


def _ask_test(draws: Replicates, test: Callable[[Looks], Excess]) -> tuple[str, Conformance] | Excess:
    """Return what the test finds, or the estimator whose rows cannot be tested, with the finding."""
    try:
        return test(draws.looks)
    except DependentRowsError as error:
        return error.name, error.finding


@dataclass(frozen=True)
class _Pairs:
    """The estimators that are asked about on every problem, and each problem's share of the false-fail rate."""

    subjects: tuple[tuple[Subject, ...], ...]
    alpha: float
    sure: str

    @classmethod
    def of(cls, targets: Sequence[Target], problem: str | Problem, rate: float, given: Mapping[str, Any]) -> _Pairs:
        if not 0 < rate < 0.5:
            raise ValueError(f"false_fail_rate={rate:g}; expected a number above 0 and below 0.5")
        asked = Asked.of(verify_options(), rename_options(given))
        settings = settle(**asked.replace(alpha=UNUSED_ALPHA).pick(settle))
        named: dict[str, Estimator] = {}
        for target in targets:
            ((name, found),) = name_targets(target).items()
            named[f"{name} (baseline)" if name in named else name] = load_target(name, found, foreign_hints(asked))
        problems, _ = name_problems(problem, quick=settings.profile.name == "quick", params=asked["params"])
        by_name = {problem.name: problem for problem in problems}
        workbench = Workbench(settings, named.__getitem__, by_name.__getitem__)
        subjects = tuple(tuple(workbench.subject(name, place) for name in named) for place in by_name)
        return cls(subjects, rate / len(problems), f"false-fail rate {rate:g}, seed {settings.seed}")


@dataclass(frozen=True)
class _Asked:
    """A question about a variance: of whom and where, against what, how sure."""

    question: str
    subject: Subject
    allowed: str
    sure: str

    @property
    def name(self) -> str:
        """The estimator's name."""
        return self.subject.name

    @property
    def problem(self) -> str:
        """The problem's name."""
        return self.subject.problem.name


def _judgement(asked: _Asked, answer: tuple[str, Conformance] | Excess, replay: str) -> Judgement:
    if isinstance(answer, Excess):
        check, sentence = _variance_check(asked, answer), _variance_sentence(asked, answer)
    else:
        who, finding = answer
        note = f"no variance of {who} was measured: {finding.note or finding.reason}"
        # A mistake of the baseline's is none of the estimator's.
        failed: tuple[LimitOutcome, Claim] = ("failed", "refuted")
        outcome, claim = failed if (who, finding.outcome) == (asked.name, "failed") else _NOT_MEASURED
        check = Check(check=_check_name(asked), outcome=outcome, claim=claim, note=note, details={"reason": finding.reason})
        sentence = f"{asked.name} on {asked.problem}: {note}"
    status: Status = "failed" if check.outcome == "failed" else "ok"
    facts = estimator_facts(asked.subject.unfitted)
    cell = Cell(
        estimator=asked.name, problem=asked.problem, status=status, checks=(check,), claims=facts, replay=replay
    )  # fmt: skip
    return Judgement(question=asked.question, passed=check.outcome == "within", sentence=sentence, cell=cell)


def _check_name(asked: _Asked) -> str:
    return "variance limit" if asked.question == "variance" else "variance ratio"


def _variance_check(asked: _Asked, found: Excess) -> Check:
    limited = asked.question == "variance"
    return Check(
        check=_check_name(asked),
        outcome=found.outcome,
        claim=_CLAIMS[found.outcome],
        estimate=found.variance if limited else found.ratio,
        interval=found.interval if limited else found.ratio_interval,
        num_samples=found.num_samples,
        note=f"allowed: {asked.allowed}" + (f"; {_REASONS[found.reason]}" if found.reason else ""),
        details={
            "reason": found.reason,
            "channel": f"coordinate {found.coordinate}",
            "variance": found.variance,
            "ratio": found.ratio,
            "detectable_ratio": found.detectable,
            "confirmed": found.confirmed,
        },
    )


def _variance_sentence(asked: _Asked, found: Excess) -> str:
    head = f"{asked.name} on {asked.problem}: variance {found.variance:.6g} of one replicate"
    if asked.question == "variance":
        measured = f" in [{found.interval[0]:.6g}, {found.interval[1]:.6g}]"
    else:
        measured = (
            f", {found.ratio:.4g} times that of the baseline in [{found.ratio_interval[0]:.4g}, {found.ratio_interval[1]:.4g}]"
        )
    against = {"within": "not above", "above": "above"}.get(found.outcome, f"{found.outcome} ({found.reason}) against")
    rows = f"{found.num_samples} rows" + (", confirmed on fresh ones" if found.outcome == "above" else "")
    power = f"; an excess beyond {found.detectable:.4g} times would show" if found.outcome == "within" else ""
    why = f": {_REASONS[found.reason]}" if found.reason else ""
    return f"{head}{measured}, {against} {asked.allowed}; {rows}{power}; {asked.sure}{why}"


def _bias_sentence(cell: Cell, tolerance: float, sure: str) -> str:
    bias = _bias(cell)
    biased = bias.outcome == "biased"
    head = f"{cell.estimator} on {cell.problem}: {answer(bias) if biased else bias.outcome}"
    reason = bias.details.get("reason")
    if reason:
        head += f" ({reason})"
    if bias.estimate is None or bias.interval is None:
        return f"{head}: {bias.note}"
    found = "; ".join(bias_facts(bias))
    needed = bias.details.get("rows_needed")
    more = f"; about {needed} rows would decide" if bias.outcome == "inconclusive" and needed else ""
    return (
        f"{head}{';' if biased else ':'} {found}; tolerance {100 * tolerance:.3g} %, reference {bias.reference}, "
        f"{bias.num_samples} rows{more}; {sure}. {bias.note}"
    ).rstrip()


def _tolerable(bias: Check) -> bool:
    """Return True if no bias was found, or if its whole interval lies within the tolerance."""
    return bias.outcome == "unbiased" or (bias.outcome, bias.claim) == ("biased", "supported")


def _bias(cell: Cell) -> Check:
    check = cell.find("bias")
    assert check is not None
    return check

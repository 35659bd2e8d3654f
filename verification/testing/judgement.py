"""What an assertion finds, before it passes or fails: one judgement for every problem, with a sentence and a record's cell."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Unpack

from ...estimators.protocol import Estimator
from ..api import Target, estimators_of, problems_of, verify
from ..checks.conformance import Conformance
from ..drawing.replicates import DependentRowsError, Replicates, evaluations
from ..plan import settle
from ..problems.problem import Problem
from ..record.record import Cell, Check, Record
from ..statistics.variance_excess import Excess, Looks, variance_above, variance_above_baseline
from ..verdicts import Claim, LimitOutcome, Status
from ..workbench import Workbench, estimator_facts
from .options import BiasOptions, Options, RatioOptions

__all__ = ["Judgement", "judge_not_worse", "judge_unbiased", "judge_variance", "judgements_of"]

SOME = 1e-3
"""Error rate with which `settle` is content where a judgement brings its own."""

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
    estimator: Target, problem: str | Problem, *, replay: str = "", **options: Unpack[BiasOptions]
) -> list[Judgement]:
    """Whether an estimator shows no bias above a tolerance; all options of `assert_unbiased` are needed, ``wanted`` apart."""
    record = verify(
        estimator,
        problem,
        profile=options["profile"],
        tolerance=options["tolerance"],
        alpha=options["false_fail_rate"],
        seed=options["seed"],
        expect="unbiased",
        wanted=options.get("wanted"),
    )
    judged = judgements_of(record, replay)
    return [replace(each, question="unbiased", passed=_tolerable(_bias(each.cell))) for each in judged]


def judgements_of(record: Record, replay: str = "") -> list[Judgement]:
    """What a record says of each of its cells: one holds unless a claim is refuted or something failed."""
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
    estimator: Target, problem: str | Problem, variance: float, *, replay: str = "", **options: Unpack[Options]
) -> list[Judgement]:
    """Whether one replicate's variance is not above a limit; all options of `assert_variance_at_most`, ``wanted`` apart."""
    if not variance >= 0:
        raise ValueError(f"variance={variance}; expected a limit that is not negative")
    bench = _bench([estimator], problem, options)
    ((name, subject),) = bench.named.items()
    judged = []
    for place in bench.places:
        draws = Replicates(bench.bench, (name,), place)
        test = partial(variance_above, limit=variance, alpha=bench.alpha, rarest=bench.bench.reference(place).rarest)
        answer = draws.refusal() or _answer(draws, test)
        judged.append(_judgement(_Asked("variance", name, subject, place, f"{variance:.6g}", bench.sure), answer, replay))
    return judged


def judge_not_worse(
    estimator: Target, baseline: Target, problem: str | Problem, *, replay: str = "", **options: Unpack[RatioOptions]
) -> list[Judgement]:
    """Whether a variance is not above a baseline's; all options of `assert_not_worse_than`, ``wanted`` apart."""
    margin, cost = options["margin"], options["cost"]
    if not margin >= 0:
        raise ValueError(f"margin={margin}; expected a number that is not negative: 0.1 allows ten per cent")
    if cost not in ("evaluations", None):
        raise ValueError(f"cost={cost!r}; expected 'evaluations' or None")
    bench = _bench([estimator, baseline], problem, options)
    (name, subject), (other, _) = bench.named.items()
    judged = []
    for place in bench.places:
        answer = _compared(Replicates(bench.bench, (name, other), place), margin, cost, bench.alpha)
        allowed = f"{1 + margin:.6g} times that of {other}" + (" at equal evaluations" if cost else "")
        judged.append(_judgement(_Asked("not worse", name, subject, place, allowed, bench.sure), answer, replay))
    return judged


def _compared(draws: Replicates, margin: float, cost: str | None, alpha: float) -> tuple[str, Conformance] | Excess:
    refused = draws.refusal()
    if refused:
        return refused
    bench, place = draws.bench, draws.problem
    target = bench.problem(place)
    spent = [evaluations(bench.estimator(name, place), target) if cost else 1.0 for name in draws.names]
    rarest = bench.reference(place).rarest
    test = partial(variance_above_baseline, margin=margin, alpha=alpha, cost_ratio=spent[0] / spent[1], rarest=rarest)
    return _answer(draws, test)


def _answer(draws: Replicates, test: Callable[[Looks], Excess]) -> tuple[str, Conformance] | Excess:
    """What the test finds, or whose rows it cannot be asked of."""
    try:
        return test(draws.looks)
    except DependentRowsError as error:
        return error.name, error.finding


@dataclass(frozen=True)
class _Bench:
    """A workbench, the estimators and problems on it, and each one's share of the false-fail rate."""

    bench: Workbench
    named: dict[str, Estimator]
    places: tuple[str, ...]
    alpha: float
    sure: str


def _bench(subjects: Sequence[Target], problem: str | Problem, options: Options) -> _Bench:
    rate, profile, seed = options["false_fail_rate"], options["profile"], options["seed"]
    if not 0 < rate < 0.5:
        raise ValueError(f"false_fail_rate={rate:g}; expected a number above 0 and below 0.5")
    settings = settle(profile=profile, alpha=SOME, seed=seed)
    named: dict[str, Estimator] = {}
    for each in subjects:
        ((name, found),) = estimators_of(each, options.get("wanted")).items()
        named[f"{name} (baseline)" if name in named else name] = found
    problems = {each.name: each for each in problems_of(problem, quick=profile == "quick")}
    bench = Workbench(settings, named.__getitem__, problems.__getitem__)
    return _Bench(bench, named, tuple(problems), rate / len(problems), f"false-fail rate {rate:g}, seed {seed}")


@dataclass(frozen=True)
class _Asked:
    """A question about a variance: of whom, where, against what, how sure."""

    question: str
    name: str
    estimator: Estimator
    problem: str
    allowed: str
    sure: str


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
    facts = estimator_facts(asked.estimator)
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
    head = f"{cell.estimator} on {cell.problem}: {bias.outcome}"
    reason = bias.details.get("reason")
    if reason:
        head += f" ({reason})"
    if bias.estimate is None or bias.interval is None:
        return f"{head}: {bias.note}"
    found = f"bias {bias.estimate:.6g} in [{bias.interval[0]:.6g}, {bias.interval[1]:.6g}]"
    relative = "" if bias.relative is None else f", {100 * bias.relative:.3g} % of the gradient's scale"
    needed = bias.details.get("rows_needed")
    more = f"; about {needed} rows would decide" if bias.outcome == "inconclusive" and needed else ""
    return (
        f"{head}: {found}{relative}; tolerance {100 * tolerance:.3g} %, reference {bias.reference}, "
        f"{bias.num_samples} rows{more}; {sure}. {bias.note}"
    ).rstrip()


def _tolerable(bias: Check) -> bool:
    """Whether no bias was found, or one that lies inside the tolerance with all that is not known of it."""
    return bias.outcome == "unbiased" or (bias.outcome, bias.details.get("material")) == ("biased", "negligible")


def _bias(cell: Cell) -> Check:
    check = cell.find("bias")
    assert check is not None
    return check

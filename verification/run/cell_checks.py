"""The checks of a cell's record, from what the cell found."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ...estimators.protocol import Claims
from ..checks.catalogue import record_findings
from ..checks.conformance import Conformance
from ..plan import Settings
from ..problems.problem import Problem
from ..record.record import Cell, Check
from ..statistics.bias import BiasVerdict
from ..statistics.channels import scales
from ..statistics.exact_variance import ExactVariance
from ..statistics.variance import left_out_log_variances, measurable, variance_interval
from ..subject import estimator_facts
from ..truth.given import GIVEN_DIGITS
from ..truth.reference import Reference
from ..truth.references import EXACT_GIVEN
from ..verdicts import BiasKind, BiasOutcome, Claim, Expectation, Material, Outcome, ReferencesOutcome, Status
from .cell import CellRun
from .readings import DETACHED, explain_disagreement

__all__ = ["cell_record", "hold_bias_claim", "reference_check", "resolve_claim"]

_CLAIM_BY_SIZE: Mapping[Material, Claim] = {
    "negligible": "supported",
    "material": "refuted",
    "undetermined": "inconclusive",
    "": "inconclusive",
}
"""What a bias of some size says of a claim of none."""

_CLAIM_BY_OUTCOME: Mapping[Outcome, Claim] = {
    "matches exact": "supported",
    "agree": "supported",
    "differs from exact": "refuted",
    "disagree": "refuted",
}
"""What the outcome of a check that is no bias check says; any other outcome says nothing."""


def resolve_claim(claims: Claims, problem: Problem, expect: Expectation) -> Expectation:
    """Return what an estimator's claims come to on one problem: ``unbiased``, ``biased``, ``no-gradient`` or ``any``."""
    if expect != "claims":
        return expect
    if claims.continuous_only and not problem.continuous:
        return "any"
    if claims.bias == "biased" and claims.exact_degree is not None and not problem.chained:
        exact = problem.degree is not None and problem.degree <= claims.exact_degree
        return "unbiased" if exact else "biased"
    return claims.bias


def hold_bias_claim(
    claim: Expectation,
    outcome: BiasOutcome,
    material: Material = "",
    *,
    insisted: bool = False,
    rescaled: BiasKind | None = None,
) -> Claim:
    """Return the judgement of a claim by a bias outcome.

    A claim of none is one of none beyond the tolerance: a bias known to lie inside supports it, and reports warn of it. One
    of undetermined size decides nothing. A declared bias is not refuted by a problem on which it vanishes, unless it is
    ``insisted`` on (``--expect biased``). With ``--accept rescaled``, ``rescaled`` is the kind of the bias: a gradient of the
    right direction supports a claim of none, and one of unknown direction decides nothing.
    """
    if claim == "any" or outcome == "not-applicable":
        return "none"
    if claim == "biased" and insisted and outcome in ("unbiased", "inconclusive"):
        return "refuted" if outcome == "unbiased" else "inconclusive"
    if outcome == "inconclusive":
        return "inconclusive" if claim == "unbiased" else "none"
    if outcome == "failed":
        return "refuted"
    if outcome == "no-gradient" or claim == "no-gradient":
        return "supported" if (outcome, claim) == ("no-gradient", "no-gradient") else "refuted"
    if claim == "unbiased":
        if material == "material" and rescaled in ("rescaled", "undetermined"):
            return "supported" if rescaled == "rescaled" else "inconclusive"
        return _CLAIM_BY_SIZE["negligible" if outcome == "unbiased" else material]
    return "supported" if outcome == "biased" else "none"


def cell_record(run: CellRun, replay: str) -> Cell:
    """Return the record of one cell.

    Args:
        run: The cell, closed.
        replay: The command that repeats it.
    """
    reference, expect = run.subject.reference, run.subject.settings.expect
    claim = resolve_claim(run.subject.about.claims, run.subject.problem, expect)
    ended = run.failure is not None or (run.finding is not None and run.finding.outcome != "pass")
    checks = record_findings(run.findings, claim, decisive_only=ended)
    status: Status = "ok"
    if run.failure is not None:
        status = run.failure.status
        checks.append(Check(check="bias", outcome="failed", note=run.failure.note))
    elif run.finding is not None and ended:
        checks.append(_ended_check(run.finding, claim, reference))
    else:
        checks.append(_bias_check(run, claim, reference, run.subject.settings))
        checks += _variance_checks(run)
    if any(check.outcome == "failed" for check in checks) and status == "ok":
        status = "failed"
    return Cell(
        estimator=run.estimator,
        problem=run.problem,
        status=status,
        checks=tuple(checks),
        claims={**estimator_facts(run.subject.unfitted), "here": claim},
        replay=replay,
        facts={
            "fitted": run.verified,
            "exact": [float(value) for value in reference.gradient] if reference.exact else None,
            "scale": [float(value) for value in np.asarray(run.plan.scale)],
            "p_gate": float(run.plan.p_gate),
            "dimension": run.plan.size,
        },
        timing={"seconds": run.totals.seconds},
    )


def _ended_check(finding: Conformance, claim: Expectation, reference: Reference) -> Check:
    """Return the bias check of a cell that a finding ended before there was a verdict."""
    assert finding.outcome != "pass"
    return Check(
        check="bias",
        outcome=finding.outcome,
        claim=hold_bias_claim(claim, finding.outcome),
        reference=reference.kind,
        note=finding.note,
        details={"reason": finding.reason},
    )


def reference_check(runs: list[CellRun], reference: Reference, left_out: Mapping[str, str] | None = None) -> Check:
    """Return the check of a problem's other references against the one that decides.

    Args:
        runs: The cells of the references that were drawn.
        reference: The reference that decides.
        left_out: The references that were not drawn, with the reasons.
    """
    not_drawn: list[dict[str, Any]] = [
        {"kind": kind, "outcome": "not compared", "note": reason} for kind, reason in (left_out or {}).items()
    ]
    compared = [*_given_value(reference), *(_sampled_value(each) for each in runs), *not_drawn]
    values: list[dict[str, Any]] = [{"kind": reference.kind, "outcome": "decides"}, *compared]
    outcomes = [each["outcome"] for each in compared]
    ranked: tuple[ReferencesOutcome, ...] = ("disagree", "agree", "inconclusive", "not compared")
    worst = next(outcome for outcome in ranked if outcome in (*outcomes, "not compared"))
    if worst == "agree" and (reference.question or any(each.get("reason") == DETACHED for each in compared)):
        worst = "inconclusive"
    said = (f"{each['kind']}: {each['outcome']}{_because(each)}" for each in values)
    note = "; ".join(filter(None, (*said, reference.question, reference.reading)))
    rows = sum(run.rows.count for run in runs)
    return Check(
        check="references",
        outcome=worst,
        claim=_CLAIM_BY_OUTCOME.get(worst, "none"),
        num_samples=rows,
        reference=reference.kind,
        note=note,
        details={"values": values},
    )


def _because(value: dict[str, Any]) -> str:
    return f" ({value['note']})" if value.get("note") else ""


def _given_value(reference: Reference) -> Iterator[dict[str, Any]]:
    """Yield the comparison of the gradient that the author gave, perhaps to a few digits, with the program's own."""
    if reference.given is None:
        return
    difference = reference.given - reference.gradient
    rounding = np.asarray(reference.roundings) * np.finfo(float).eps
    scale = scales(reference.gradient, reference.floor) + rounding / GIVEN_DIGITS
    relative = difference / np.maximum(scale, np.finfo(float).tiny)
    worst = int(np.argmax(np.abs(relative)))
    yield {
        "kind": EXACT_GIVEN,
        "outcome": "agree" if abs(relative[worst]) <= GIVEN_DIGITS else "disagree",
        "difference": float(difference[worst]),
        "relative": float(relative[worst]),
        "channel": f"coordinate {worst}",
    }


def _sampled_value(run: CellRun) -> dict[str, Any]:
    verdict, finding = run.test.verdict, run.finding
    if run.failure is not None or verdict is None:
        return {"kind": run.estimator, "outcome": "not compared", "note": run.failure.note if run.failure else ""}
    if finding is not None and finding.outcome != "pass":
        return {"kind": run.estimator, "outcome": "not compared", "note": finding.note}
    # A reference that rests on an assumption contradicts another one only by a material bias.
    assumes = run.subject.own is not None and run.subject.own.assumes
    biased = verdict.outcome == "biased" and (not assumes or verdict.material == "material")
    disagree = verdict.outcome == "failed" or biased
    if not disagree:
        outcome: ReferencesOutcome = "inconclusive" if verdict.outcome == "inconclusive" else "agree"
        return {"kind": run.estimator, "outcome": outcome, **_reference_value(verdict)}
    outcome = explain_disagreement(run.estimator, run.subject.reference)
    reason = {} if outcome == "disagree" else {"reason": DETACHED if outcome == "inconclusive" else "reading"}
    return {"kind": run.estimator, "outcome": outcome, **_reference_value(verdict), **reason}


def _reference_value(verdict: BiasVerdict) -> dict[str, Any]:
    return {
        "difference": verdict.estimate,
        "interval": verdict.interval,
        "relative": None if verdict.relative_error is None else verdict.relative_error["estimate"],
        "channel": verdict.channel,
        "num_samples": verdict.num_samples,
        "reason": verdict.reason,
    }


def _bias_check(run: CellRun, claim: Expectation, reference: Reference, settings: Settings) -> Check:
    verdict = run.test.verdict
    assert verdict is not None
    details = {
        key: value
        for key, value in vars(verdict).items()
        if key not in ("outcome", "estimate", "interval", "detectable", "relative", "num_samples", "note")
    }
    watched = next((k for k, name in enumerate(run.plan.channel_names) if name == verdict.channel), 0)
    if watched < len(run.totals.histogram):
        edges, counts = run.totals.histogram[watched]
        details["histogram"] = {"edges": edges, "counts": counts}
    accepted = verdict.kind if settings.accept == "rescaled" else None
    held = hold_bias_claim(
        claim, verdict.outcome, verdict.material, insisted=settings.expect == "biased", rescaled=accepted
    )  # fmt: skip
    notes = [verdict.note]
    if verdict.outcome == "biased" and claim == "unbiased" and verdict.material != "material":
        notes.insert(0, f"a bias was found, {verdict.material} against the tolerance")
    if verdict.coordinates and verdict.material != "material":
        notes.append(_name_coordinates(verdict.coordinates))
    return Check(
        check="bias",
        outcome=verdict.outcome,
        claim=held,
        estimate=verdict.estimate,
        interval=verdict.interval,
        detectable=verdict.detectable,
        num_samples=verdict.num_samples,
        reference=reference.kind,
        note="; ".join(filter(None, notes)),
        details=details,
    )


def _name_coordinates(off: Sequence[Mapping[str, Any]]) -> str:
    """Return a sentence on coordinates that are wrong by themselves while the whole gradient is within its tolerance."""
    named = ", ".join(f"coordinate {each['coordinate']} by {100 * each['relative']:.3g} % of itself" for each in off[:3])
    more = f" and {len(off) - 3} more" if len(off) > 3 else ""
    return f"small coordinates are off: {named}{more}; --scale coordinate judges each by itself"


def _variance_checks(run: CellRun) -> list[Check]:
    """Return the checks of one replicate's variance (its widest coordinate) and of its cost."""
    moments, compared = run.rows, run.variance
    if moments.count < 2 or moments.nonfinite:
        return []
    channel = int(np.argmax(moments.variance[: run.plan.size]))
    variance = float(moments.variance[channel])
    interval = variance_interval(moments, channel) if variance > 0 else (0.0, 0.0)
    outcome = "measured" if compared is None else compared.outcome
    check = Check(
        check="variance",
        outcome=outcome,
        claim=_CLAIM_BY_OUTCOME.get(outcome, "none"),
        estimate=variance,
        interval=interval,
        num_samples=moments.count,
        note="" if compared is None else _compared_note(compared),
        details={
            "channel": run.plan.channel_names[channel],
            "kurtosis": float(moments.kurtosis[channel]),
            "exact": None if compared is None else compared.exact,
            "measurable": bool(variance > 0 and measurable(moments, channel)),
            "leave_one_out": left_out_log_variances(moments, channel),
        },
    )
    return [check, _cost_check(run, variance)]


def _compared_note(compared: ExactVariance) -> str:
    note = f"exact value {compared.exact:.6g}"
    if compared.confirming is None:
        return note
    again = f"{compared.confirming.variance[compared.channel]:.6g} in {compared.confirming.count} fresh rows"
    if compared.outcome == "differs from exact":
        return f"{note}; confirmed by {again}"
    return f"{note}; the rows differ from it, which is not confirmed by {again}"


def _cost_check(run: CellRun, variance: float) -> Check:
    each = run.totals.seconds_a_row
    return Check(
        check="cost",
        outcome="measured",
        num_samples=run.totals.timed_rows,
        details={"evaluations": run.subject.about.evaluations},
        timing={
            "seconds": run.totals.seconds,
            "rows_per_second": 1 / each if each > 0 else math.nan,
            "variance_seconds": variance * each,
        },
    )

"""What was claimed of the walk, and whether the measurements bear it out."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Literal

from ....estimators.protocol import describe
from ....estimators.registry import load_estimator
from ...problems.calibration_walk import SHIFT
from ...study import Statement
from .design import EXACT
from .result import JobResult
from .summary import Findings, Spread
from .tables import least_at_law

__all__ = ["statements"]

SHIPPED = "agent_torch_categorical"
FLOAT = "agent_torch_categorical_float"
GUMBEL = ("gumbel_softmax", "gumbel_softmax_straight_through")
TUTORIAL = (SHIPPED, FLOAT)

_CLOSE = 1.0
"""A walk matches where its mean position is within one position of the baseline's: half the lattice's spacing at a step."""

_NEAR_ONE = 0.1

Outcome = Literal["holds", "fails", "open"]


def statements(findings: Findings) -> tuple[Statement, ...]:
    """Every claim that the design's estimators can decide.

    What crashed or is not finite is no evidence, for or against: without it a claim may still fail, and no longer holds.
    """
    makers: tuple[tuple[Callable[[Findings], Statement | None], Iterable[str]], ...] = (
        (_shipped_is_differentiable, (SHIPPED,)),
        (_float_rule_calibrates, (FLOAT,)),
        (_lower_wasserstein, (SHIPPED, GUMBEL[0])),
        (_lower_error, (SHIPPED, GUMBEL[0])),
        (_ratio_near_one, TUTORIAL),
        (_stays_aligned, TUTORIAL),
        (_gumbel_deviates, GUMBEL),
        (_gumbel_drifts, GUMBEL),
        (_convergence_varies, TUTORIAL),
        (_gumbel_is_biased, GUMBEL),
        (_unbiased_as_declared, _unbiased(findings)),
        (_least_at_the_truth, ()),
        (_others_calibrate, _others(findings)),
    )
    evidence = findings.evidence
    return tuple(_without(findings.lost(names), made) for make, names in makers if (made := make(evidence)) is not None)


def _without(lost: list[JobResult], statement: Statement) -> Statement:
    """A statement beside results that it lacks."""
    if not lost:
        return statement
    names = "; ".join(f"{each.job.name} ({each.status})" for each in lost)
    return replace(
        statement,
        outcome="open" if statement.outcome == "holds" else statement.outcome,
        measured=f"{statement.measured}; left out: {names}",
    )


def _shipped_is_differentiable(findings: Findings) -> Statement | None:
    results = findings.select(names=[SHIPPED])
    if not results:
        return None
    stopped = sum(each.status == "no gradient" for each in results)
    return Statement(
        claim="The tutorial claims that its Categorical is differentiable and allows gradient-based optimisation.",
        outcome=_decided(stopped == 0, stopped == len(results)),
        measured=f"no gradient in {stopped} of {len(results)} calibrations ({SHIPPED})",
        note="It returns an integer index, and automatic differentiation ends at integers: theta stays at its start.",
    )


def _float_rule_calibrates(findings: Findings) -> Statement | None:
    results = findings.select(names=[FLOAT])
    if not results:
        return None
    moved = max(float(abs(each.theta[-1] - each.theta[0]).max()) for each in results)
    errors = findings.spreads("error", [FLOAT])
    return Statement(
        claim="Made floating, the rule of the tutorial's Categorical calibrates the walk.",
        outcome=_decided(all(each.high < _CLOSE for each in errors), all(each.low > _CLOSE for each in errors)),
        measured=f"theta moved by at most {moved:.1e}; |theta - theta*| from {_range(errors)}",
        note="With two categories [q, 1 - q] its two weights are equal for every outcome, so the derivative in q is zero for "
        "every loss, in every sample.",
    )


def _lower_wasserstein(findings: Findings) -> Statement | None:
    return _lower(
        findings,
        "wasserstein",
        "The tutorial claims that its Categorical has a consistently lower Wasserstein distance than Gumbel-Softmax.",
        "Distance of the position's law from the held-out trajectories, in positions.",
    )


def _lower_error(findings: Findings) -> Statement | None:
    return _lower(
        findings,
        "test_mse",
        "The tutorial claims that its Categorical has a lower mean squared error than Gumbel-Softmax.",
        "Between a simulated and a held-out trajectory.",
    )


def _lower(findings: Findings, figure: str, claim: str, note: str) -> Statement | None:
    pairs = [
        (one, other)
        for one in findings.select(names=[SHIPPED])
        for other in findings.select(names=GUMBEL[:1], split=one.job.split, loss=one.job.loss)
    ]
    if not pairs:
        return None
    places = range(len(findings.design.starts))
    ours, others = ([findings.spread(pair[side], figure, place) for pair in pairs for place in places] for side in (0, 1))
    lower = sum(one.high < other.low for one, other in zip(ours, others, strict=True))
    higher = sum(one.low > other.high for one, other in zip(ours, others, strict=True))
    counted = f"lower in {lower}, higher in {higher} of {len(ours)} configurations"
    return Statement(
        claim=claim,
        outcome=_decided(lower == len(ours), higher > 0),
        measured=f"{counted}; {_range(ours)} against {_range(others)}",
        note=note,
    )


def _ratio_near_one(findings: Findings) -> Statement | None:
    ratios = findings.spreads("variance_ratio", TUTORIAL)
    if not ratios:
        return None
    by_split = {each: findings.spreads("variance_ratio", TUTORIAL, each) for each in findings.design.splits}
    spans = [f"{_range(found)} ({split} split)" for split, found in by_split.items() if found]
    return Statement(
        claim="The tutorial claims that its Categorical keeps the variance ratio at approximately one.",
        outcome="holds" if all(abs(each.mean - 1) < _NEAR_ONE for each in ratios) else "fails",
        measured="; ".join(spans),
        note="A settled walk's variance does not depend on theta, so that on the last 30 steps a walk that was never "
        "calibrated has a ratio near one too: it is no evidence of a match.",
    )


def _stays_aligned(findings: Findings) -> Statement | None:
    return _after_long(
        findings,
        TUTORIAL,
        "The tutorial claims that over 1,000 steps its Categorical stays aligned with the baseline.",
        "The settled mean is p ln 2 - theta, so an error of theta is an error of position for ever.",
        wanted_close=True,
    )


def _gumbel_drifts(findings: Findings) -> Statement | None:
    return _after_long(
        findings,
        GUMBEL,
        "The tutorial claims that over 1,000 steps Gumbel-Softmax accumulates a large position error.",
        "A settled walk forgets: nothing accumulates, and the error in theta is small.",
        wanted_close=False,
    )


def _after_long(findings: Findings, names: Iterable[str], claim: str, note: str, *, wanted_close: bool) -> Statement | None:
    errors = findings.spreads("long_error", names)
    if not errors:
        return None
    close, far = all(each.high < _CLOSE for each in errors), all(each.low > _CLOSE for each in errors)
    return Statement(
        claim=claim,
        outcome=_decided(close, far) if wanted_close else _decided(far, close),
        measured=f"error of the mean position after 1,000 steps {_range(errors)}",
        note=note,
    )


def _gumbel_deviates(findings: Findings) -> Statement | None:
    apart = findings.spreads("wasserstein", GUMBEL)
    if not apart:
        return None
    return Statement(
        claim="The tutorial claims that Gumbel-Softmax drifts early and deviates substantially in the testing region.",
        outcome=_decided(all(each.low > _CLOSE for each in apart), all(each.high < _CLOSE for each in apart)),
        measured=f"Wasserstein distance on the held-out part {_range(apart)} positions",
        note="Walks are drawn hard at the calibrated theta, as they would be used.",
    )


def _convergence_varies(findings: Findings) -> Statement | None:
    results = findings.select(names=TUTORIAL)
    if not results:
        return None
    ends = ", ".join(
        f"{start:g} ends at {float(results[0].theta[-1, place].mean()):.4g}"
        for place, start in enumerate(findings.design.starts)
    )
    moved = max(float(abs(each.theta[-1] - each.theta[0]).max()) for each in results)
    return Statement(
        claim="The tutorial says that its Categorical's convergence depends on the start, in particular from 0 and 10.",
        outcome="holds" if moved < _CLOSE else "open",
        measured=ends,
        note="It ends where it starts.",
    )


def _gumbel_is_biased(findings: Findings) -> Statement | None:
    biases, _ = _biases(findings, GUMBEL)
    if not biases:
        return None
    seen = _seen(biases)
    largest = max(abs(each.mean / exact) for each, exact in biases)
    errors = findings.spreads("error", GUMBEL)
    return Statement(
        claim="The tutorial claims that Gumbel-Softmax's gradient is biased.",
        outcome="holds" if seen else "open",
        measured=f"a bias is seen at {seen} of {len(biases)} points, at most {largest:.1%} of the gradient",
        note=f"What it costs here: |theta - theta*| {_range(errors)} at the end.",
    )


def _unbiased_as_declared(findings: Findings) -> Statement | None:
    names = _unbiased(findings)
    biases, unknown = _biases(findings, names)
    if not biases:
        return None
    seen = _seen(biases)
    widest = max((each.high - each.low) / 2 / abs(exact) for each, exact in biases)
    return Statement(
        claim=f"The estimators that declare themselves unbiased ({', '.join(names)}) show no bias at the starts.",
        outcome=_decided(not seen and not unknown, seen > 0),
        measured=f"a bias is seen at {seen} of {len(biases)} points; half-widths up to {widest:.0%} of the gradient"
        + (f"; at {unknown} more a batch was not finite" if unknown else ""),
        note="One in twenty studies of sound estimators shows one.",
    )


def _biases(findings: Findings, names: Iterable[str]) -> tuple[list[tuple[Spread, float]], int]:
    """The biases at the starts, where the gradient is not zero, each with the exact gradient; and at how many there is none."""
    measured = [one for each in findings.select(names=names) for one in each.accuracy if one.theta != SHIFT]
    known = [each for each in measured if math.isfinite(each.mean) and math.isfinite(each.error)]
    return [(findings.bias(each), each.exact) for each in known], len(measured) - len(known)


def _seen(biases: Iterable[tuple[Spread, float]]) -> int:
    """At how many points a bias is seen."""
    return sum(each.low > 0 or each.high < 0 for each, _ in biases)


def _unbiased(findings: Findings) -> list[str]:
    """The estimators with results that declare themselves unbiased."""
    names = {each.job.estimator for each in findings.results} - {EXACT}
    chosen = [each for each in findings.design.estimators if each in names]
    return [each for each in chosen if describe(load_estimator(each)).claims.bias == "unbiased"]


def _least_at_the_truth(findings: Findings) -> Statement | None:
    if "trajectory" not in findings.design.losses:
        return None
    least = {split: least_at_law(split, "trajectory") for split in findings.design.splits}
    away = max(abs(each - SHIFT) for each in least.values())
    return Statement(
        claim="The mean squared error between single trajectories, the tutorial's loss, is least at theta* = 20.",
        outcome="holds" if away < 1e-6 else "fails",
        measured=", ".join(f"least at {theta:.4f} ({split} split)" for split, theta in least.items()) + ", exact",
        note="It holds the walk's own variance, which theta changes before the walk has settled; the error of the mean "
        "trajectories is least at theta*.",
    )


def _others_calibrate(findings: Findings) -> Statement | None:
    names = _others(findings)
    errors = findings.spreads("error", names)
    if not errors:
        return None
    return Statement(
        claim=f"Every other estimator compared ({', '.join(sorted(names))}) calibrates the walk from every start.",
        outcome=_decided(all(each.high < _CLOSE for each in errors), any(each.low > _CLOSE for each in errors)),
        measured=f"|theta - theta*| {_range(errors)}",
        note="A bias in the derivative of the mean path is multiplied by a residual that vanishes at the answer.",
    )


def _others(findings: Findings) -> set[str]:
    return {each.job.estimator for each in findings.results} - {*TUTORIAL, EXACT}


def _decided(holds: bool, fails: bool) -> Outcome:
    if holds:
        return "holds"
    return "fails" if fails else "open"


def _range(spreads: Iterable[Spread]) -> str:
    """The least and the largest mean, with their intervals."""
    ordered = sorted(spreads, key=lambda each: each.mean)
    return f"{ordered[0]} to {ordered[-1]}"

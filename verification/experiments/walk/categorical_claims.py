"""The tutorial's claims about its Categorical."""

from __future__ import annotations

from ...record.study import Statement
from ..spread import describe_span
from ..statement_outcomes import decide
from .closeness import CLOSE, all_close, all_far
from .design import FLOAT, GUMBEL, SHIPPED, TUTORIAL
from .findings import Findings
from .fit import FigureName

__all__ = [
    "calibrates_when_floating",
    "converges_by_start",
    "has_lower_error",
    "has_lower_wasserstein",
    "is_differentiable",
    "keeps_variance_ratio",
    "stays_aligned",
]

_NEAR_ONE = 0.1


def is_differentiable(findings: Findings) -> Statement | None:
    """State whether a gradient flows through the Categorical as shipped."""
    results = findings.select(names=[SHIPPED])
    if not results:
        return None
    stopped = sum(each.status == "no gradient" for each in results)
    return Statement(
        claim="The tutorial claims that its Categorical is differentiable and allows gradient-based optimisation.",
        outcome=decide(stopped == 0, stopped == len(results)),
        measured=f"no gradient in {stopped} of {len(results)} calibrations ({SHIPPED})",
        note="It returns an integer index, and integers carry no gradient, so theta stays at its start.",
    )


def calibrates_when_floating(findings: Findings) -> Statement | None:
    """State whether its rule finds theta once its index is floating."""
    results = findings.select(names=[FLOAT])
    if not results:
        return None
    moved = max(float(abs(each.theta[-1] - each.theta[0]).max()) for each in results)
    errors = findings.spreads("error", [FLOAT])
    return Statement(
        claim="Made floating, the rule of the tutorial's Categorical calibrates the walk.",
        outcome=decide(all_close(errors), all_far(errors)),
        measured=f"theta moved by at most {moved:.1e}; |theta - theta*| is {describe_span(errors)}",
        note="With two categories [q, 1 - q] its two weights are equal for every outcome, so the derivative in q is zero in "
        "every sample, for every loss.",
    )


def has_lower_wasserstein(findings: Findings) -> Statement | None:
    """State whether its held-out marginals are closer than Gumbel-Softmax's."""
    return _lower(
        findings,
        "wasserstein",
        "The tutorial claims that its Categorical has a consistently lower Wasserstein distance than Gumbel-Softmax.",
        "The distance is that of the position's law from the held-out trajectories, in positions.",
    )


def has_lower_error(findings: Findings) -> Statement | None:
    """State whether its held-out squared error is lower than Gumbel-Softmax's."""
    return _lower(
        findings,
        "test_mse",
        "The tutorial claims that its Categorical has a lower mean squared error than Gumbel-Softmax.",
        "The error is that between a simulated and a held-out trajectory.",
    )


def keeps_variance_ratio(findings: Findings) -> Statement | None:
    """State whether the ratio of the calibrated walk's variance to the baseline's is near one."""
    ratios = findings.spreads("variance_ratio", TUTORIAL)
    if not ratios:
        return None
    by_split = {each: findings.spreads("variance_ratio", TUTORIAL, each) for each in findings.design.splits}
    spans = [f"{describe_span(found)} ({split} split)" for split, found in by_split.items() if found]
    return Statement(
        claim="The tutorial claims that its Categorical keeps the variance ratio at approximately one.",
        outcome="holds" if all(abs(each.mean - 1) < _NEAR_ONE for each in ratios) else "fails",
        measured="; ".join(spans),
        note="The variance of a settled walk does not depend on theta. A walk that was never calibrated also has a ratio near "
        "one on the last 30 steps, so the ratio is no evidence of a match.",
    )


def stays_aligned(findings: Findings) -> Statement | None:
    """State whether it stays aligned with the baseline over 1,000 steps."""
    errors = findings.spreads("long_error", TUTORIAL)
    if not errors:
        return None
    return Statement(
        claim="The tutorial claims that over 1,000 steps its Categorical stays aligned with the baseline.",
        outcome=decide(all_close(errors), all_far(errors)),
        measured=f"error of the mean position after 1,000 steps {describe_span(errors)}",
        note="The settled mean is p ln 2 - theta, so an error of theta remains an error of the position.",
    )


def converges_by_start(findings: Findings) -> Statement | None:
    """State whether its convergence depends on the start."""
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
        outcome="holds" if moved < CLOSE else "open",
        measured=ends,
        note="Theta ends where it starts.",
    )


def _lower(findings: Findings, figure: FigureName, claim: str, note: str) -> Statement | None:
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
        outcome=decide(lower == len(ours), higher > 0),
        measured=f"{counted}; {describe_span(ours)} against {describe_span(others)}",
        note=note,
    )

"""Expectations of sound estimators, and where the losses lead."""

from __future__ import annotations

from ....estimators.protocol import describe
from ....estimators.registry import load_estimator
from ...problems.calibration_walk import SHIFT
from ...record.study import Statement
from ..spread import describe_span
from ..statement_outcomes import decide
from .biases import Biases
from .closeness import CLOSE, all_close
from .design import EXACT, TUTORIAL
from .findings import Findings
from .walk_tables import least_at_law

__all__ = ["all_others_calibrate", "are_unbiased_as_declared", "declared_unbiased", "is_least_at_the_truth", "others"]


def are_unbiased_as_declared(findings: Findings) -> Statement | None:
    """State whether the estimators that declare themselves unbiased show no bias."""
    names = declared_unbiased(findings)
    biases = Biases.of(findings, names)
    if not biases.known:
        return None
    return Statement(
        claim=f"The estimators that declare themselves unbiased ({', '.join(names)}) show no bias at the starts.",
        outcome=decide(not biases.seen and not biases.unknown, biases.seen > 0),
        measured=f"a bias is seen at {biases.seen} of {len(biases.known)} points; half-widths up to {biases.widest:.0%} of the "
        "gradient" + (f"; a batch was not finite at {biases.unknown} more" if biases.unknown else ""),
        note="One in twenty studies of sound estimators shows a bias by chance.",
    )


def is_least_at_the_truth(findings: Findings) -> Statement | None:
    """State whether the tutorial's loss is least at theta*."""
    if "trajectory" not in findings.design.losses:
        return None
    least = {split: least_at_law(split, "trajectory") for split in findings.design.splits}
    away = max(abs(each - SHIFT) for each in least.values())
    return Statement(
        claim="The mean squared error between single trajectories, the tutorial's loss, is least at theta* = 20.",
        outcome="holds" if away < 1e-6 else "fails",
        measured=", ".join(f"least at {theta:.4f} ({split} split)" for split, theta in least.items()) + ", exact",
        note="This loss includes the walk's own variance, which theta changes before the walk has settled. The error between "
        "the mean trajectories is least at theta*.",
    )


def all_others_calibrate(findings: Findings) -> Statement | None:
    """State whether every estimator that is not the tutorial's calibrates the walk."""
    names = others(findings)
    errors = findings.spreads("error", names)
    if not errors:
        return None
    return Statement(
        claim=f"Every other estimator compared ({', '.join(sorted(names))}) calibrates the walk from every start.",
        outcome=decide(all_close(errors), any(each.low > CLOSE for each in errors)),
        measured=f"|theta - theta*| {describe_span(errors)}",
        note="A bias in the derivative of the mean path is multiplied by a residual, which vanishes at theta*.",
    )


def declared_unbiased(findings: Findings) -> list[str]:
    """Return the estimators with results that declare themselves unbiased."""
    names = {each.job.estimator for each in findings.results} - {EXACT}
    chosen = [each for each in findings.design.estimators if each in names]
    return [each for each in chosen if describe(load_estimator(each)).claims.bias == "unbiased"]


def others(findings: Findings) -> set[str]:
    """Return the estimators with results that the tutorial does not recommend."""
    return {each.job.estimator for each in findings.results} - {*TUTORIAL, EXACT}

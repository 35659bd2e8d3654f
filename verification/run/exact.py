"""Verification without sampling: an estimator run over all its draws, so that its mean and variance are numbers.

It serves estimators whose own randomness is finite, on programs small enough to enumerate. What it says has no error rate.
"""

from __future__ import annotations

import numpy as np
import torch

from ...estimators.protocol import NoGradientPathError, NotApplicableError
from ...estimators.runs.exact import exact_moments
from ..plan import Settings
from ..problems.problem import Problem
from ..record.record import Cell, Check
from ..statistics.channels import scales
from ..statistics.direction import GradientFigures, exact_figures
from ..statistics.kinds import classify
from ..subject import Subject, estimator_facts
from ..truth.reference import Reference
from ..verdicts import BiasOutcome, Expectation, Status
from .cell_checks import hold_bias_claim, resolve_claim

__all__ = ["exact_cell"]

ROUNDING = 1e-9
"""A relative difference that is rounding; single precision gets ten thousand times as much."""


def exact_cell(subject: Subject) -> Cell:
    """Return the cell of an estimator on a problem: exactly unbiased, the exact bias, or why it cannot be said."""
    reference = subject.reference
    claim = resolve_claim(subject.about.claims, subject.problem, subject.settings.expect)
    checks, status = _checks(subject, claim)
    facts = {"exact": reference.gradient.tolist() if reference.exact else None, "dimension": reference.gradient.size}
    claims = {**estimator_facts(subject.unfitted), "here": claim}
    return Cell(
        estimator=subject.name, problem=subject.problem.name, status=status, checks=checks, claims=claims, facts=facts
    )  # fmt: skip


def _checks(subject: Subject, claim: Expectation) -> tuple[tuple[Check, ...], Status]:
    problem, reference = subject.problem, subject.reference
    if not reference.exact:
        note = f"exact mode needs an exact gradient, and the reference here is the {reference.kind}; leave --exact out"
        return (Check(check="bias", outcome="not-applicable", note=note),), "ok"
    try:
        mean, variance = exact_moments(subject.fitted, problem.program, problem.params)
    except NotApplicableError as error:
        return (Check(check="bias", outcome="not-applicable", note=str(error)),), "ok"
    except NoGradientPathError as error:
        held = hold_bias_claim(claim, "no-gradient")
        return (Check(check="bias", outcome="no-gradient", claim=held, note=str(error)),), "ok"
    except Exception as error:
        note = f"{type(error).__name__}: {error}"[:500]
        return (Check(check="bias", outcome="failed", note=note),), "crashed"
    return _record_moments(mean, variance, problem, reference, claim, subject.settings), "ok"


def _record_moments(
    mean: torch.Tensor, variance: torch.Tensor, problem: Problem, reference: Reference, claim: Expectation, settings: Settings
) -> tuple[Check, ...]:
    truth = reference.gradient
    scale = scales(truth, np.maximum(reference.floor, problem.scale_floor))
    bias = np.asarray(mean.double().reshape(-1)) - truth
    worst = int(np.argmax(np.abs(bias) / np.maximum(scale, 1e-300)))
    rounding = ROUNDING * (1e4 if problem.params.dtype == torch.float32 else 1.0)
    outcome: BiasOutcome = "biased" if abs(bias[worst]) > rounding * (scale[worst] or 1.0) else "unbiased"
    value, widest = float(bias[worst]), float(variance.double().max())
    figures = _figures(bias, truth, scale, rounding)
    kind = (
        classify(figures, figures, tolerance=rounding, max_angle=settings.max_angle) if figures and outcome == "biased" else ""
    )
    held = hold_bias_claim(claim, outcome, "material", rescaled=kind if settings.accept == "rescaled" else None)
    return (
        Check(
            check="bias",
            outcome=outcome,
            claim=held,
            estimate=value,
            interval=(value, value),
            detectable=float(rounding * scale[worst]),
            reference=reference.kind,
            note="over all draws of the estimator",
            details={
                "reason": "exact",
                "material": "material" if outcome == "biased" else "",
                "r": figures.relative_error.estimate if figures else 0.0,
                "kind": kind,
                "channel": f"coordinate {worst}",
                **({} if figures is None else figures.to_record()),
            },
        ),
        Check(check="variance", outcome="exact", estimate=widest, interval=(widest, widest), details={"exact": widest}),
    )


def _figures(bias: np.ndarray, truth: np.ndarray, scale: np.ndarray, rounding: float) -> GradientFigures | None:
    """Return the figures of an exact mean; None if there is nothing to be relative to."""
    norm = float(np.linalg.norm(truth))
    zero = norm <= rounding * float(np.linalg.norm(scale))
    unit = float(np.linalg.norm(scale)) if zero else max(norm, float(np.sqrt(truth.size) * scale.min()))
    return exact_figures(bias, np.zeros_like(truth) if zero else truth, unit) if unit > 0 else None

"""Verification without sampling: an estimator run over all its draws, so that its mean and variance are numbers.

It serves estimators whose own randomness is finite, on programs small enough to enumerate. What it says has no error rate.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from ...estimators.protocol import Estimator, NoGradientPathError, NotApplicableError, describe
from ...estimators.runs.exact import exact_moments
from ..problems.problem import Problem
from ..record.record import Cell, Check
from ..statistics.channels import scales
from ..truth.references import Reference
from ..verdicts import BiasOutcome, Expectation, Status
from ..workbench import Workbench, estimator_facts
from .cell_checks import claimed, hold_bias_claim

__all__ = ["exact_cells"]

ROUNDING = 1e-9
"""A relative difference that is rounding; single precision gets ten thousand times as much."""


def exact_cells(bench: Workbench, pairs: list[tuple[str, str]]) -> Iterator[Cell]:
    """One cell for every estimator and problem: exactly unbiased, the exact bias, or why it cannot be said.

    Args:
        bench: What the names mean.
        pairs: Names of estimators and problems.
    """
    for name, problem in pairs:
        estimator, target, reference = bench.bare(name, problem), bench.problem(problem), bench.reference(problem)
        claim = claimed(describe(estimator).claims, target, bench.settings.expect)
        checks, status = _checks(bench, name, target, reference, claim)
        facts = {"exact": reference.gradient.tolist() if reference.exact else None, "dimension": reference.gradient.size}
        claims = {**estimator_facts(estimator), "here": claim}
        yield Cell(estimator=name, problem=problem, status=status, checks=checks, claims=claims, facts=facts)


def _checks(
    bench: Workbench, name: str, problem: Problem, reference: Reference, claim: Expectation
) -> tuple[tuple[Check, ...], Status]:
    if not reference.exact:
        note = "exact mode needs an exact gradient; the program is too large to enumerate"
        return (Check(check="bias", outcome="not-applicable", note=note),), "ok"
    try:
        estimator: Estimator = bench.estimator(name, problem.name)
        mean, variance = exact_moments(estimator, problem.program, problem.params)
    except NotApplicableError as error:
        return (Check(check="bias", outcome="not-applicable", note=str(error)),), "ok"
    except NoGradientPathError as error:
        held = hold_bias_claim(claim, "no-gradient")
        return (Check(check="bias", outcome="no-gradient", claim=held, note=str(error)),), "ok"
    except Exception as error:
        note = f"{type(error).__name__}: {error}"[:500]
        return (Check(check="bias", outcome="failed", note=note),), "crashed"
    return _found(mean, variance, problem, reference, claim), "ok"


def _found(
    mean: torch.Tensor, variance: torch.Tensor, problem: Problem, reference: Reference, claim: Expectation
) -> tuple[Check, ...]:
    # A gradient that its author gives to some digits is replaced by the one that was computed.
    truth = reference.computed[1] if reference.computed else reference.gradient
    scale = scales(truth, problem.scale_floor)
    bias = np.asarray(mean.double().reshape(-1)) - truth
    worst = int(np.argmax(np.abs(bias) / np.maximum(scale, 1e-300)))
    rounding = ROUNDING * (1e4 if problem.params.dtype == torch.float32 else 1.0)
    outcome: BiasOutcome = "biased" if abs(bias[worst]) > rounding * (scale[worst] or 1.0) else "unbiased"
    value, widest = float(bias[worst]), float(variance.double().max())
    relative = value / float(scale[worst]) if scale[worst] > 0 else None
    return (
        Check(
            check="bias",
            outcome=outcome,
            claim=hold_bias_claim(claim, outcome, "material"),
            estimate=value,
            interval=(value, value),
            detectable=float(rounding * scale[worst]),
            relative=relative,
            reference=reference.kind,
            note="over all draws of the estimator",
            details={"reason": "exact", "material": "material" if outcome == "biased" else "", "r": abs(relative or 0.0)},
        ),
        Check(check="variance", outcome="exact", estimate=widest, interval=(widest, widest), details={"exact": widest}),
    )

"""Claims about the walk, and whether the measurements confirm them."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ...record.study import Statement
from ..statement_outcomes import weaken
from .categorical_claims import (
    calibrates_when_floating,
    converges_by_start,
    has_lower_error,
    has_lower_wasserstein,
    is_differentiable,
    keeps_variance_ratio,
    stays_aligned,
)
from .design import FLOAT, GUMBEL, SHIPPED, TUTORIAL
from .findings import Findings
from .gumbel_claims import deviates, drifts, is_biased
from .job_result import JobResult
from .sound_claims import all_others_calibrate, are_unbiased_as_declared, declared_unbiased, is_least_at_the_truth, others

__all__ = ["statements"]


def statements(findings: Findings) -> tuple[Statement, ...]:
    """Return every claim that the design's estimators can decide.

    Crashed and non-finite results are no evidence for or against a claim: without them it may still fail, but no longer holds.
    """
    claims: tuple[tuple[Callable[[Findings], Statement | None], Iterable[str]], ...] = (
        (is_differentiable, (SHIPPED,)),
        (calibrates_when_floating, (FLOAT,)),
        (has_lower_wasserstein, (SHIPPED, GUMBEL[0])),
        (has_lower_error, (SHIPPED, GUMBEL[0])),
        (keeps_variance_ratio, TUTORIAL),
        (stays_aligned, TUTORIAL),
        (deviates, GUMBEL),
        (drifts, GUMBEL),
        (converges_by_start, TUTORIAL),
        (is_biased, GUMBEL),
        (are_unbiased_as_declared, declared_unbiased(findings)),
        (is_least_at_the_truth, ()),
        (all_others_calibrate, others(findings)),
    )
    evidence = findings.evidence
    return tuple(
        weaken(made, _describe_lost(findings.lost(names))) for state, names in claims if (made := state(evidence)) is not None
    )


def _describe_lost(lost: list[JobResult]) -> str:
    """Return a note on the results that a statement lacks."""
    return f"left out: {'; '.join(f'{each.job.name} ({each.status})' for each in lost)}" if lost else ""

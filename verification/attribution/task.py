"""The search for a cell's biased sites as a task, so that foreign code may crash in it."""

from __future__ import annotations

from dataclasses import dataclass

from ..record.record import Check
from ..workbench import Workbench
from .search import attribution_check

__all__ = ["AttributionTask"]


@dataclass(frozen=True)
class AttributionTask:
    """Find the sites at which a cell's bias enters.

    Attributes:
        estimator: The name of the estimator.
        problem: The name of the problem.
        alpha: The probability of any false naming.
    """

    estimator: str
    problem: str
    alpha: float

    def perform(self, workbench: Workbench) -> Check:
        """Search, and return what was found as a check."""
        subject = workbench.subject(self.estimator, self.problem)
        return attribution_check(subject.unfitted, subject.problem, workbench.settings, name=self.estimator, alpha=self.alpha)

"""The test of a bias as one vector through one stage of a cell: its drift, its norm, and its kind."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ..verdicts import BiasKind
from .batches import Batches, inner
from .bias_look import Look
from .bias_plan import BiasPlan
from .confidence import PROMISE, boundary
from .direction import GradientFigures, exact_figures, gradient_figures
from .drift import Drift
from .kinds import classify
from .norm import SquaredNorm, rows_for_norm, squared_norm

__all__ = ["NormTest"]

SECOND_LOOK = 2.5
"""The rows of the second planned look, over those of the first."""


class NormTest:
    """The norm of a bias in one stage.

    The tolerance is tested at three planned looks at most: at the rows that should suffice, which are fixed when the rows are
    first trusted, at 2.5 times as many, and at the last look of the stage.

    Args:
        plan: The cell's plan.
        relative: The relative tolerance for which the looks are planned.

    Attributes:
        batches: The sums of the stage's rows.
        drift: The drift of the stage's rows.
        rows_needed: The rows that should suffice; None before the rows are trusted.
    """

    def __init__(self, plan: BiasPlan, relative: float) -> None:
        self.plan = plan
        self.batches: Batches | None = None
        self.drift = Drift.empty(plan.size)
        self.rows_needed: float | None = None
        self._relative = relative
        self._start = 0
        self._accepting: set[int] = set()
        self._kinds: set[int] | None = None

    def extend(self, fresh: Batches) -> None:
        """Enter the sums of further rows."""
        self.batches = fresh.extend(Batches.empty(self.plan.size, sampled=fresh.reference is not None)) if (
            self.batches is None
        ) else self.batches.extend(fresh)  # fmt: skip
        if self.plan.vector:
            self.drift = self.drift.extend(fresh)

    def ready(self, seen: Look) -> bool:
        """True if every coordinate is open, bounded or deterministic, so that the rows have seen what matters."""
        size = self.plan.size
        return bool((seen.settled[:size] | (seen.bounded[:size] & ~self.plan.degenerate)).all())

    def watch(self, seen: Look, planned: Sequence[int]) -> None:
        """Take note of a look: the start of the drift's sequence, and the plan of the looks at which the norm is tested."""
        if not self.ready(seen):
            return
        if self.drift.open and not self._start:
            self._start = seen.count
        if self.rows_needed is None:
            square = self._square()
            room = self._room(self._relative)
            needed = 0.0 if square is None else rows_for_norm(square.spread, room, self.plan.planned_critical)
            self.rows_needed = max(needed, float(seen.count))
            self._accepting = _first_at_least(planned, self.rows_needed, SECOND_LOOK * self.rows_needed)

    def alarms(self) -> bool:
        """True if the rows have drifted so far that a mean of zero is rejected."""
        return bool(self._start) and self.drift.alarms(self._start, self.plan.drift_alpha)

    def due(self, seen: Look) -> bool:
        """True if this look is one of those at which the norm may be accepted before the stage's last one."""
        return seen.count in self._accepting

    def reach(self, seen: Look) -> float:
        """Return the smallest relative tolerance that the norm supports at a planned look; infinite if it is not ready."""
        if not self.ready(seen):
            return math.inf
        if seen.settled[: self.plan.size].all():
            upper = float(np.linalg.norm(seen.mean[: self.plan.size]))
        else:
            square = self._square()
            upper = math.inf if square is None else square.limits(self.plan.planned_critical)[1]
        spare = float(np.linalg.norm(np.asarray(self.plan.tau_numeric)) - np.linalg.norm(np.asarray(self.plan.reference_bias)))
        excess = max(upper - spare, 0.0)
        unit = self._unit()
        return excess / unit if unit > 0 else (math.inf if excess else 0.0)

    def rows_to_accept(self, seen: Look) -> int | None:
        """Return the rows after which an unbiased estimator would probably be accepted at the end; None if it is unknown."""
        square, room = self._square(), self._room(self.plan.r_accept)
        if not self.ready(seen) or square is None or not room > 0:
            return None
        return math.ceil(PROMISE * max(rows_for_norm(square.spread, room, self.plan.planned_critical), self.plan.rows_to_open))

    def figures(self, seen: Look, *, planned: bool) -> GradientFigures | None:
        """Return the figures of the mean gradient at a look, at the critical value of a planned look or of any look."""
        size = self.plan.size
        if self.batches is None:
            return None
        if seen.settled[:size].all() and self.batches.reference is None:
            return exact_figures(seen.mean[:size], self.plan.gradient, self.plan.unit or 1.0)
        figures = gradient_figures(self.batches, self.plan.gradient, self.plan.unit or 1.0, self._critical(seen, planned))
        # Rows that cannot be trusted have estimates, and no interval.
        return figures if figures is None or self.ready(seen) else figures.without_intervals()

    def kind(self, seen: Look) -> BiasKind:
        """Return the kind of a bias at the look that ends the cell."""
        plan = self.plan
        both = self.figures(seen, planned=False), self.figures(seen, planned=True)
        return classify(*both, tolerance=plan.r_accept, max_angle=plan.max_angle)

    def kind_is_final(self, seen: Look, planned: Sequence[int]) -> bool:
        """True if more rows of the stage are not needed, or would not help, to tell the kind of a bias.

        The looks at which a right direction or a mean of zero may be accepted are planned at the first call.
        """
        figures = self.figures(seen, planned=False)
        if figures is None or figures.scale is None or figures.length is None:
            return True
        if seen.settled[: self.plan.size].all():
            return True
        if figures.angle is None:
            return seen.count >= self.plan.max_rows or self.kind(seen) != "undetermined"
        if classify(figures, None, tolerance=self.plan.r_accept, max_angle=self.plan.max_angle) == "turned":
            low, high = figures.angle.interval
            return high - low <= figures.angle.estimate or seen.count >= self.plan.max_rows
        if self._kinds is None:
            self._kinds = self._kind_looks(figures, planned)
        if seen.count >= max(self._kinds, default=0):
            return True
        return seen.count in self._kinds and self.kind(seen) != "undetermined"

    def _kind_looks(self, figures: GradientFigures, planned: Sequence[int]) -> set[int]:
        """Return the looks at which the kind may be accepted; none if the plan's rows are too few for that."""
        assert figures.scale is not None
        assert figures.length is not None
        critical = self.plan.planned_critical
        bounds = [math.tan(math.radians(self.plan.max_angle)) * abs(figures.scale.estimate)]
        if figures.length.estimate <= SECOND_LOOK * self.plan.r_accept:
            bounds.append(self.plan.r_accept / 2)
        rows = [rows_for_norm(figures.spread, bound, critical) for bound in bounds]
        allowed = [look for look in planned if look <= self.plan.max_rows]
        looks: set[int] = set()
        for needed in rows:
            first = _first_at_least(allowed, needed, SECOND_LOOK * needed)
            looks |= first | ({allowed[-1]} if first else set())
        return looks

    def _critical(self, seen: Look, planned: bool) -> float:
        if planned:
            return self.plan.planned_critical
        start = max(self.plan.rows_to_open, self.plan.first_look)
        return float(boundary(max(seen.count, start), start, self.plan.alpha_unbiased))

    def _square(self) -> SquaredNorm | None:
        if self.batches is None or len(self.batches.rows) < 3:
            return None
        errors = self.batches.errors
        return squared_norm(self.batches.rows, inner(errors, errors), self.plan.size)

    def _unit(self) -> float:
        """Return the norm that the tolerance is relative to; a sampled gradient's own rows may lower that of the pilot."""
        batches, unit, norm = self.batches, self.plan.unit, float(np.linalg.norm(np.asarray(self.plan.truth)))
        if batches is None or batches.reference is None or unit > (1 + 1e-9) * norm:
            return unit
        own = squared_norm(batches.rows, inner(batches.reference, batches.reference), self.plan.size)
        return min(unit, own.limits(self.plan.planned_critical)[0]) if own.freedom > 1 else unit

    def _room(self, relative: float) -> float:
        spare = float(np.linalg.norm(np.asarray(self.plan.tau_numeric)) - np.linalg.norm(np.asarray(self.plan.reference_bias)))
        return relative * self.plan.unit + spare


def _first_at_least(planned: Sequence[int], *rows: float) -> set[int]:
    """Return the first planned look at or after each number of rows, where there is one."""
    found = (next((look for look in planned if look >= needed), None) for needed in rows)
    return {look for look in found if look is not None}

"""The test of a cell's bias: a screen, a confirmation on fresh rows, and a verdict."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..verdicts import BiasKind, BiasOutcome, BiasReason, EndReason, Material
from .batches import Batches
from .bias_look import Look, look
from .bias_plan import RARE_SIGHTINGS, BiasPlan, Stage
from .bias_verdict import BiasVerdict, describe, reach, rows_to_accept
from .channels import scales
from .direction import GradientFigures
from .kinds import classify
from .moments import Moments
from .norm_test import NormTest
from .scalar_figures import scalar_figures
from .small_coordinates import off_coordinates, suspicious

SINGLE_PRECISION = 1e-5
"""The error that arithmetic in single precision may leave, relative to the scale."""

__all__ = ["BiasPlan", "BiasTest", "BiasVerdict", "scales"]


class BiasTest:
    """A test that decides one cell from moments that grow from look to look.

    The caller draws rows up to ``next_look``, hands over the moments of all rows of the stage, and repeats this until
    ``verdict`` is set. When ``stage`` becomes ``confirm``, the rows start again from zero, on fresh seeds.

    Attributes:
        plan: The cell's plan; in the confirm stage of a vector it also watches the direction that the screen found.
        stage: ``screen`` or ``confirm``.
        next_look: The number of rows of the stage that the next update must cover.
        verdict: The verdict; None until the cell is decided.
        looks: Every look so far.
        planned: The numbers of rows at the stage's looks.
        waiting: For each coordinate, True if equal rows that are wrong may wait for a branch of the estimator's own, whose
            probability nobody knows, and decide nothing. Empty if none does.

    Example:
        >>> plan = BiasPlan(
        ...     truth=[1.0], scale=[1.0], tau_numeric=1e-13, r_target=0.3, r_accept=0.5, alpha=1e-3, max_rows=2000
        ... )
        >>> test = BiasTest(plan)
        >>> errors = np.random.default_rng(0).normal(size=(test.next_look, 1))
        >>> test.update(Moments.from_rows(errors))
        >>> test.verdict.outcome, test.verdict.num_samples
        ('unbiased', 1000)
    """

    def __init__(self, plan: BiasPlan) -> None:
        self.plan = plan
        self.stage: Stage = "screen"
        self.looks: list[Look] = []
        self.verdict: BiasVerdict | None = None
        self.waiting: Sequence[bool] = ()
        self.planned = plan.planned_rows("screen")
        self.next_look = self.planned[0]
        self._start = np.zeros(len(plan.channel_names), dtype=np.int64)
        self._flag = 0
        self._sign = 0
        self._fired = False
        self._size: Material = "undetermined"
        self._screened = 0
        self._norm = NormTest(plan, plan.r_target)
        needed = math.ceil(RARE_SIGHTINGS / plan.p_gate)
        if needed > plan.max_rows and not plan.deterministic_rows:
            note = f"an outcome of probability {plan.p_gate:g} is too rare for {plan.max_rows} rows"
            self._settle("inconclusive", reason="gate", rows_needed=needed, note=note)

    @property
    def forecast(self) -> int | None:
        """The number of rows after which an unbiased estimator would be accepted, judged by the last look."""
        if not self.looks:
            return None
        return self._norm.rows_to_accept(self.looks[-1]) if self.plan.vector else rows_to_accept(self.plan, self.looks[-1])

    def update(self, moments: Moments, fresh: Batches | None = None, sides: Sequence[Moments] = ()) -> None:
        """Take one look.

        Args:
            moments: The moments of all rows of the current stage, over the plan's channels.
            fresh: The sums of the rows since the last look of the stage. A plan by the norm of a vector needs them, and without
                 them nothing is said of the scale and the angle of a vector.
            sides: The moments of the estimator's rows and of the reference's, where both are sampled; each must have seen its
                own rare events.

        Raises:
            ValueError: If the cell is decided, if the moments stop short of ``next_look`` or have other channels, or if batch
                sums are missing.
        """
        self._check(moments, fresh)
        if moments.nonfinite:
            self._fail(moments)
            return
        trusted = self._find_trusted(len(moments.mean))
        seen = look(
            self.plan, moments, stage=self.stage, start=self._start, flagged=self._watched, sides=sides, trusted=trusted
        )
        self._start = seen.start
        self.looks.append(seen)
        if fresh is not None:
            self._norm.extend(fresh)
            self._norm.watch(seen, self.planned)
        if seen.stage == "screen":
            self._screen(seen)
        else:
            self._confirm(seen)
        if self.verdict is None and self.stage == seen.stage:
            self.next_look = next(rows for rows in self.planned if rows > seen.count)

    def end(self, reason: EndReason = "budget") -> None:
        """Close the cell early, with the verdict that the last look supports at the accepted tolerance."""
        if self.verdict is not None:
            return
        if not self.looks:
            self._settle("inconclusive", reason=reason)
        elif self.stage == "screen":
            self._close(self.looks[-1], reason)
        elif self._fired:
            self._decide("biased", self._flag, material=self._size)
        else:
            note = f"an alarm in {self.plan.channel_names[self._flag]} was not yet confirmed"
            seen = self.looks[-1]
            channel = self._flag if self._flag < len(seen.mean) else self._worst(seen)
            self._decide("inconclusive", channel, reason=reason, note=note)

    @property
    def _watched(self) -> int | None:
        return self._flag if self.stage == "confirm" else None

    def _find_trusted(self, channels: int) -> NDArray[np.bool_]:
        """Return the channels in which equal rows decide ``[channels]``; a mixture of coordinates does if all of them do."""
        if self.plan.deterministic_rows or not self.plan.gate_known:
            return np.full(channels, self.plan.deterministic_rows)
        trusted = np.full(channels, not any(self.waiting))
        trusted[: len(self.waiting)] = ~np.asarray(self.waiting, dtype=np.bool_)
        return trusted

    def _check(self, moments: Moments, fresh: Batches | None) -> None:
        watched = len(self.plan.channel_names)
        if self.verdict is not None:
            raise ValueError(f"the cell is decided ({self.verdict.outcome}); start a new BiasTest")
        if moments.mean.size != watched:
            raise ValueError(f"moments of {moments.mean.size} channels; expected {watched}: apply plan.channels.project")
        if self.plan.vector and fresh is None:
            raise ValueError("a plan by the norm, and no batch sums; expected those of the rows since the last look")
        if moments.count < self.next_look and not moments.nonfinite:
            raise ValueError(f"moments of {moments.count} rows of the {self.stage} stage; expected {self.next_look}: draw more")

    def _screen(self, seen: Look) -> None:
        size = self.plan.size
        wrong = seen.settled[:size] & (np.abs(seen.mean[:size]) > self.plan.slack[:size])
        flag = self._alarm(seen)
        if wrong.any():
            worst = int(np.argmax(np.where(wrong, np.abs(seen.mean[:size]), -1.0)))
            # The tolerance is for sampling error. Here there is none, and only the rounding of single precision remains.
            exact = abs(seen.mean[worst]) > (self.plan.tolerance(SINGLE_PRECISION) + self.plan.reference_error)[worst]
            material = "material" if exact else self._material(seen, worst)
            self._decide("biased", worst, reason="deterministic", material=material)
        elif flag is not None:
            self._start_confirm(flag, seen)
        elif self._may_accept(seen) and self._inside(seen, self.plan.r_target):
            self._accept(seen, self.plan.r_target)
        elif seen.count >= self.plan.max_rows:
            self._close(seen, "budget")

    def _may_accept(self, seen: Look) -> bool:
        """True if the tolerance is tested at this look; a coordinate that looks wrong by itself puts it off to the next one."""
        if not self.plan.vector or seen.count >= self.plan.max_rows:
            return True
        return self._norm.due(seen) and not suspicious(self.plan, seen)

    def _alarm(self, seen: Look) -> int | None:
        """Return the open channel whose interval is farthest from zero, in widths; the number after the last one stands for the
        direction in which the rows have drifted; None if there is no alarm."""
        lower, upper = seen.alarm
        gap = np.where(seen.open, np.maximum(lower, -upper) - self.plan.slack, -np.inf)
        flag = int(np.argmax(gap / np.where(seen.open, upper - lower, 1.0)))
        if gap[flag] > 0:
            return flag
        return len(gap) if self.plan.vector and self._norm.alarms() else None

    def _start_confirm(self, flag: int, seen: Look) -> None:
        self.stage = "confirm"
        self._flag, self._sign = flag, 1 if flag == len(seen.mean) or seen.mean[flag] > 0 else -1
        self._screened = seen.count
        self.planned = self.plan.planned_rows("confirm", flagged_at=seen.count)
        self.next_look = self.planned[0]
        if self.plan.vector:
            self.plan = replace(self.plan, found=self._norm.drift.direction)
        self._norm = NormTest(self.plan, self.plan.r_accept)
        self._start = np.zeros(len(self.plan.channel_names), dtype=np.int64)

    def _confirm(self, seen: Look) -> None:
        lower, upper = seen.alarm
        # The interval is two-sided at the stage's full rate although one sign counts: the other half is a reserve for skewness.
        away = lower[self._flag] if self._sign > 0 else -upper[self._flag]
        self._fired = self._fired or bool(seen.open[self._flag] and away > self.plan.slack[self._flag])
        last = seen.count >= self.planned[-1]
        if self._fired:
            if self._size == "undetermined":
                self._size = self._material(seen, self._flag)
            if last or self._size == "negligible" or (self._size == "material" and self._kind_is_final(seen)):
                self._decide("biased", self._flag, material=self._size)
        elif last and self._inside(seen, self.plan.r_accept):
            self._accept(seen, self.plan.r_accept, reason="alarm not confirmed")
        elif last:
            self._decide("inconclusive", self._flag, reason="suspect", rows_needed=self.forecast)

    def _material(self, seen: Look, flag: int) -> Material:
        """Classify the bias: beyond the tolerance, within it, or not yet known."""
        lower, upper = seen.alarm
        # A channel beyond its part of a norm's tolerance proves that the norm is beyond; a coordinate's tolerance is its own.
        watched = np.full(lower.size, self.plan.vector) | (np.arange(lower.size) < self.plan.size)
        watched[flag] = True
        beyond = self.plan.tolerance(self.plan.r_accept) + self.plan.reference_error
        if (watched & (np.maximum(lower, -upper) > beyond)).any():
            return "material"
        tested = not self.plan.vector or self._norm.due(seen) or seen.count >= self.planned[-1]
        inside = self.plan.reference_supports and tested and self._inside(seen, self.plan.r_accept)
        return "negligible" if inside else "undetermined"

    def _inside(self, seen: Look, tolerance: float) -> bool:
        """True if the norm of the bias, or the equivalence interval of every coordinate, lies within a relative tolerance."""
        if self.plan.vector:
            return self._norm.reach(seen) <= tolerance
        size = self.plan.size
        room = (self.plan.tolerance(tolerance) - self.plan.reference_error)[:size]
        far = np.maximum(-seen.accept[0], seen.accept[1])[:size]
        return bool(((far <= room) & (seen.settled[:size] | ~self.plan.degenerate)).all())

    def _accept(self, seen: Look, tolerance: float, reason: BiasReason = "") -> None:
        if not self.plan.reference_supports:
            note = "no bias was seen, but the reference rests on an assumption and cannot support the claim"
            self._decide("inconclusive", self._worst(seen), tolerance=tolerance, reason="reference", note=note)
            return
        if seen.settled[: self.plan.size].all():
            reason = "deterministic"
        self._decide("unbiased", self._worst(seen), tolerance=tolerance, reason=reason)

    def _close(self, seen: Look, ended: EndReason) -> None:
        """Decide at the last look of the screen stage."""
        if self._inside(seen, self.plan.r_accept):
            self._accept(seen, self.plan.r_accept)
        else:
            self._decide("inconclusive", self._worst(seen), reason=self._obstacle(seen, ended), rows_needed=self.forecast)

    def _obstacle(self, seen: Look, otherwise: EndReason) -> BiasReason:
        """Return the obstacle to a verdict, and ``otherwise`` if there is none but the number of rows."""
        size = self.plan.size
        closed = ~seen.open[:size] & ~seen.settled[:size]
        if (self.plan.reference_error >= self.plan.tolerance(self.plan.r_accept))[:size].any():
            return "reference"
        if (self.plan.degenerate & ~seen.settled[:size] & ~seen.constant[:size]).any():
            return "degenerate"
        if not closed.any():
            return otherwise
        if (seen.constant | seen.hidden)[:size][closed].all() or seen.count * self.plan.p_gate < RARE_SIGHTINGS:
            return "gate"
        return "tail" if seen.count >= self.plan.rows_to_open else otherwise

    def _kind_is_final(self, seen: Look) -> bool:
        """True if more rows are not needed, or would not help, to tell the kind of the bias."""
        if not self.plan.seek_kind:
            return True
        if self._norm.batches is not None:
            return self._norm.kind_is_final(seen, self.planned)
        return (
            self.plan.size > 1
            or seen.count >= self.plan.max_rows
            or self._kind(seen, self._figures("biased")) != "undetermined"
        )

    def _figures(self, outcome: BiasOutcome) -> GradientFigures | None:
        """Return the figures of the mean gradient at the last look."""
        seen = self.looks[-1]
        if self._norm.batches is not None:
            return self._norm.figures(seen, planned=outcome == "unbiased")
        return scalar_figures(self.plan, seen) if self.plan.size == 1 else None

    def _kind(self, seen: Look, figures: GradientFigures | None) -> BiasKind:
        if self._norm.batches is not None:
            return self._norm.kind(seen)
        return classify(figures, figures, tolerance=self.plan.r_accept, max_angle=self.plan.max_angle)

    def _worst(self, seen: Look) -> int:
        """Return the coordinate that needs the widest tolerance, a closed one first."""
        return int(np.argmax(reach(self.plan, seen)))

    def _decide(self, outcome: BiasOutcome, channel: int, *, tolerance: float | None = None, **fields: Any) -> None:
        """Set the verdict on a channel, at a relative tolerance; None is the accepted one."""
        tau = self.plan.tolerance(self.plan.r_accept if tolerance is None else tolerance)[channel]
        last, figures = self.looks[-1], self._figures(outcome)
        kind = self._kind(last, figures) if outcome == "biased" else ""
        if kind in ("rescaled", "reversed", "zero") and figures is not None and self._norm.batches is not None:
            # The angle was accepted at a planned look, and its interval is that of the acceptance.
            accepted = self._norm.figures(last, planned=True)
            figures = replace(figures, angle=None if accepted is None else accepted.angle)
        seen = describe(self.plan, self.looks, channel, outcome=outcome, figures=figures)
        if self.plan.vector:
            seen["r"] = self._norm.reach(last)
        off = off_coordinates(self.plan, last)
        self._settle(outcome, rows=last.count, tau=float(tau), kind=kind, coordinates=off, **seen, **fields)

    def _fail(self, moments: Moments) -> None:
        total = moments.count + moments.nonfinite
        low, high = moments.nonfinite_rate()
        note = f"{moments.nonfinite} of {total} rows are not finite (rate {low:.2g} to {high:.2g} at 95 %)"
        self._settle("failed", rows=total, reason="non-finite", stage=self.stage, note=note)

    def _settle(self, outcome: BiasOutcome, *, rows: int = 0, **fields: Any) -> None:
        self.verdict = BiasVerdict(outcome=outcome, alpha=self.plan.alpha, num_samples=self._screened + rows, **fields)

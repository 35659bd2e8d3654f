"""The verdict on one cell's bias, with its numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..verdicts import BiasKind, BiasOutcome, BiasReason, Material
from .bias_look import Look
from .bias_plan import BiasPlan, Stage
from .confidence import detectable, rows_needed
from .direction import GradientFigures

__all__ = ["BiasVerdict", "describe", "reach", "rows_to_accept"]

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class BiasVerdict:
    """The verdict on one cell's bias, in plain numbers.

    Attributes:
        outcome: ``unbiased``, ``biased``, ``inconclusive`` or ``failed``.
        reason: The reason for the outcome, see `verdicts.BiasReason`; empty if the outcome says it all.
        material: For ``biased``: ``material`` (beyond the tolerance), ``negligible`` (within) or ``undetermined``.
        kind: For ``biased``: how the mean gradient lies beside the true one, see `verdicts.BiasKind`.
        relative_error: The norm of the bias over that of the gradient, ``estimate`` and ``interval``; None if it is not known.
        scale: The part of the mean gradient along the true one, over the true one, likewise.
        angle: The angle between the two in degrees, likewise; None for one parameter.
        coordinates: The coordinates of a vector whose own error exceeds the tolerance, the worst first, with their intervals.
        stage: The stage of the last look.
        channel: The channel that decided, or the one farthest from a decision.
        estimate: The bias of that channel; None if no row was drawn.
        interval: The channel's confidence sequence at the last look; infinite while the channel is closed.
        detectable: The smallest bias that the channel would have shown with probability 0.9.
        relative: ``estimate`` over the channel's scale; a channel's number, not the gradient's.
        num_samples: The number of rows of both stages.
        rows_needed: The number of rows that would probably decide; None if none are needed or nothing is known.
        r: The smallest relative tolerance that holds at the last look, of the norm or on all coordinates.
        sigma: Standard deviation of one row in the channel.
        skewness: Skewness of one row in the channel.
        tau: The channel's tolerance.
        alpha: The error rate of ``biased`` for the cell.
        note: One sentence for a reader, or nothing.
        looks: ``n, estimate, interval, stage, channel`` of every look, for the channel above.
        channels: The last look of every channel.
    """

    outcome: BiasOutcome
    reason: BiasReason = ""
    material: Material = ""
    kind: BiasKind = ""
    relative_error: dict[str, Any] | None = None
    scale: dict[str, Any] | None = None
    angle: dict[str, Any] | None = None
    coordinates: list[dict[str, Any]] = field(default_factory=list)
    stage: Stage = "screen"
    channel: str = ""
    estimate: float | None = None
    interval: tuple[float, float] | None = None
    detectable: float | None = None
    relative: float | None = None
    num_samples: int = 0
    rows_needed: int | None = None
    r: float | None = None
    sigma: float | None = None
    skewness: float | None = None
    tau: float | None = None
    alpha: float
    note: str = ""
    looks: list[dict[str, Any]] = field(default_factory=list)
    channels: list[dict[str, Any]] = field(default_factory=list)


def describe(
    plan: BiasPlan, looks: list[Look], channel: int, *, outcome: BiasOutcome, figures: GradientFigures | None = None
) -> dict[str, Any]:
    """Describe one channel at every look, as fields of the verdict.

    Args:
        plan: The cell's plan.
        looks: Every look, at least one.
        channel: Number of the channel.
        outcome: ``biased`` takes the intervals that raised the alarm, any other outcome those of the equivalence test.
        figures: The figures of the mean gradient, if they are known.

    Returns:
        Fields of `BiasVerdict`.
    """
    seen = looks[-1]
    mean, scale = float(seen.mean[channel]), float(plan.channels.scale[channel])
    # The direction that the screen found is watched in the confirm stage alone.
    entries = [_look_entry(plan, each, channel, outcome == "biased") for each in looks if channel < len(each.mean)]
    return {
        **({} if figures is None else figures.to_record()),
        "stage": seen.stage,
        "channel": plan.channel_names[channel],
        "estimate": mean,
        "interval": entries[-1]["interval"],
        "detectable": _detectable(seen, channel),
        "relative": mean / scale if scale > 0 else None,
        "r": float(reach(plan, seen).max()),
        "sigma": float(seen.std[channel]),
        "skewness": float(seen.skewness[channel]),
        "looks": entries,
        "channels": [_channel_entry(plan, seen, index) for index in range(len(seen.mean))],
    }


def reach(plan: BiasPlan, seen: Look) -> Array:
    """Return the relative tolerance that each coordinate needs ``[d]``; infinite for a closed one."""
    size = plan.size
    far = np.maximum(-seen.accept[0], seen.accept[1])[:size]
    excess = np.maximum(far + plan.reference_error[:size] - np.asarray(plan.tau_numeric), 0.0)
    scale = np.asarray(plan.scale)
    needed = np.where(scale > 0, excess / np.where(scale > 0, scale, 1.0), np.inf)
    return np.where(excess > 0, needed, 0.0)


def rows_to_accept(plan: BiasPlan, seen: Look) -> int | None:
    """Return the number of rows after which an unbiased estimator would probably be accepted; None if it is unknown."""
    size = plan.size
    room = (plan.tolerance(plan.r_accept) - plan.reference_error)[:size]
    waiting = ~seen.settled[:size]
    if (waiting & seen.constant[:size]).any():
        return plan.rows_if_constant if seen.count < plan.rows_if_constant else None
    if not waiting.any() or not (seen.open[:size] & (room > 0))[waiting].all():
        return None
    return max(
        rows_needed(float(seen.std[j]), float(room[j]), plan.alpha_unbiased, start=int(seen.start[j]))
        for j in np.flatnonzero(waiting)
    )


def _detectable(seen: Look, channel: int) -> float:
    """Return the smallest detectable bias: infinite for a closed channel, zero for a deterministic one."""
    if seen.settled[channel]:
        return 0.0
    if not seen.open[channel]:
        return math.inf
    return float(detectable(seen.std[channel], seen.count, seen.start[channel], seen.alpha[channel]))


def _look_entry(plan: BiasPlan, seen: Look, channel: int, at_alarm: bool) -> dict[str, Any]:
    lower, upper = seen.alarm if at_alarm else seen.accept
    return {
        "n": seen.count,
        "estimate": float(seen.mean[channel]),
        "interval": (float(lower[channel]), float(upper[channel])),
        "stage": seen.stage,
        "channel": plan.channel_names[channel],
    }


def _channel_entry(plan: BiasPlan, seen: Look, channel: int) -> dict[str, Any]:
    lower, upper = seen.accept
    return {
        "name": plan.channel_names[channel],
        "kind": plan.channels.kinds[channel],
        "estimate": float(seen.mean[channel]),
        "interval": (float(lower[channel]), float(upper[channel])),
        "sigma": float(seen.std[channel]),
        "skewness": float(seen.skewness[channel]),
        "tau": float(plan.tolerance(plan.r_accept)[channel]),
        "scale": float(plan.channels.scale[channel]),
        "open": bool(seen.open[channel]),
    }

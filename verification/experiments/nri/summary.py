"""Arms in place of models: means over seeds, and how far they can be trusted."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from .checkpoints import Outcome
from .training import Arm, Trained

__all__ = ["CONFIDENCE", "ArmResult", "Mean", "arm_results", "mean_over"]

CONFIDENCE = 0.95
"""Of every interval over seeds."""


@dataclass(frozen=True, kw_only=True)
class Mean:
    """A mean over seeds and its Student interval; the whole line where there is but one seed.

    Attributes:
        value: The mean.
        low: Lower limit.
        high: Upper limit.
        seeds: How many.
    """

    value: float
    low: float
    high: float
    seeds: int

    def __str__(self) -> str:
        if self.seeds == 1:
            return f"{self.value:.3f} (one seed)"
        return f"{self.value:.3f} in [{self.low:.3f}, {self.high:.3f}] ({self.seeds} seeds)"


@dataclass(frozen=True, kw_only=True)
class ArmResult:
    """One arm, all its seeds.

    Attributes:
        arm: Which.
        label: What it is called in the report.
        trained: Its models, in the order of their seeds; none where it could not be trained.
        refusals: What it said instead: status and note.
    """

    arm: Arm
    label: str
    trained: tuple[Trained, ...]
    refusals: tuple[tuple[str, str], ...]

    def over(self, measure: Callable[[Trained], float]) -> Mean:
        """A measure's mean over the seeds."""
        return mean_over([measure(each) for each in self.trained])


def mean_over(values: Sequence[float]) -> Mean:
    """The mean, with its Student interval at `CONFIDENCE`.

    Example:
        >>> str(mean_over([0.86, 0.88, 0.90]))
        '0.880 in [0.830, 0.930] (3 seeds)'
    """
    count = len(values)
    center = float(np.mean(values))
    if count < 2:
        return Mean(value=center, low=-math.inf, high=math.inf, seeds=count)
    half = float(stats.t.ppf((1 + CONFIDENCE) / 2, count - 1) * np.std(values, ddof=1) / math.sqrt(count))
    return Mean(value=center, low=center - half, high=center + half, seeds=count)


def arm_results(outcomes: Iterable[Outcome]) -> list[ArmResult]:
    """The outcomes by arm, in the order in which arms first appear."""
    groups: dict[Arm, list[Outcome]] = {}
    for each in outcomes:
        groups.setdefault(each.job.arm, []).append(each)
    return [
        ArmResult(
            arm=arm,
            label=_label(arm, groups),
            trained=tuple(each.trained for each in group if each.trained is not None),
            refusals=tuple(dict.fromkeys((each.status, each.note) for each in group if each.trained is None)),
        )
        for arm, group in groups.items()
    ]


def _label(arm: Arm, arms: Iterable[Arm]) -> str:
    """The estimator's name, and what sets the arm apart from the others."""
    every = list(arms)
    parts = [arm.estimator]
    if len({(each.encoder, each.decoder) for each in every}) > 1 and (arm.encoder, arm.decoder) != ("mlp", "mlp"):
        parts.append(f"{arm.encoder.upper()}/{arm.decoder.upper()}")
    if arm.steps != every[0].steps:
        parts.append(f"{arm.steps} steps")
    return ", ".join(parts)

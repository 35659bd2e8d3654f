"""The trained models grouped by arm: means over seeds with their intervals."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from ..spread import Spread
from .job_outcome import JobStatus, Outcome
from .training import Arm, Trained

__all__ = ["ArmResult", "arm_results"]


@dataclass(frozen=True, kw_only=True)
class ArmResult:
    """The results of one arm at all its seeds.

    Attributes:
        arm: The arm.
        label: Its name in the report.
        trained: Its models in the order of their seeds; empty if none could be trained.
        refusals: The status and note of each distinct failure.
    """

    arm: Arm
    label: str
    trained: tuple[Trained, ...]
    refusals: tuple[tuple[JobStatus, str], ...]

    def over(self, measure: Callable[[Trained], float]) -> Spread:
        """Return the mean of a measure over the seeds."""
        return Spread.of([measure(each) for each in self.trained])


def arm_results(outcomes: Iterable[Outcome]) -> list[ArmResult]:
    """Group the outcomes by arm, in the order in which the arms first appear."""
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
    """Return the estimator's name and whatever tells the arm apart from the others."""
    every = list(arms)
    parts = [arm.estimator]
    if len({(each.encoder, each.decoder) for each in every}) > 1 and (arm.encoder, arm.decoder) != ("mlp", "mlp"):
        parts.append(f"{arm.encoder.upper()}/{arm.decoder.upper()}")
    if arm.steps != every[0].steps:
        parts.append(f"{arm.steps} steps")
    return ", ".join(parts)

"""Arms in place of models: means over seeds, and how far they can be trusted."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from ..spread import Spread
from .job_outcome import JobStatus, Outcome
from .training import Arm, Trained

__all__ = ["ArmResult", "arm_results"]


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
    refusals: tuple[tuple[JobStatus, str], ...]

    def over(self, measure: Callable[[Trained], float]) -> Spread:
        """A measure's mean over the seeds."""
        return Spread.of([measure(each) for each in self.trained])


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

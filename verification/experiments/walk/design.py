"""What a calibration experiment compares, and how large it is."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from ...drawing.sources import code_digest

__all__ = [
    "COMPARED",
    "EXACT",
    "FLOAT",
    "GUMBEL",
    "LONG_STEPS",
    "PATH_STEPS",
    "SHIPPED",
    "SIZES",
    "TRAIN_STEPS",
    "TUTORIAL",
    "Design",
    "Job",
    "Loss",
    "SizeName",
    "Split",
    "jobs",
]

Split = Literal["time", "trajectories"]
"""What is held out: the last 30 steps of every trajectory, or the last 300 of 1,000 trajectories."""

Loss = Literal["trajectory", "mean"]
"""Mean squared error between a simulated and a baseline trajectory, or between the mean trajectories."""

SizeName = Literal["small", "full"]

EXACT = "exact_gradient"
"""Not an estimator: descent along the exact gradient, which shows what loss and optimiser do by themselves."""

SHIPPED, FLOAT = "agent_torch_categorical", "agent_torch_categorical_float"
"""The tutorial's Categorical as shipped, and its rule with the index made floating."""

TUTORIAL = (SHIPPED, FLOAT)
"""What the tutorial recommends."""

GUMBEL = ("gumbel_softmax", "gumbel_softmax_straight_through")
"""What it is compared with there."""

COMPARED = (
    EXACT,
    *TUTORIAL,
    *GUMBEL,
    "straight_through",
    "smoothed_triple",
    "stochastic_triple",
    "leave_one_out",
)
"""What is compared where nothing is asked for."""

PATH_STEPS = 100
TRAIN_STEPS = 70
LONG_STEPS = 1000


@dataclass(frozen=True, kw_only=True)
class Design:
    """One experiment.

    Attributes:
        estimators: Names, paths or modules of estimators; `EXACT` too.
        starts: Values of theta to start from.
        seeds: Number of repetitions, each with a baseline of its own.
        splits: What is held out.
        losses: What is minimised.
        iterations: Steps of the optimiser.
        batch: Evaluations of the walk that a step of the optimiser may spend.
        learning_rate: Adam's, in units of theta, falling to zero along a cosine.
        replicates: Batches from which a gradient's bias and variance are taken.
        trajectories: Baseline trajectories, of which 70 % are for training where trajectories are split.
        seed: Entropy.
        device: ``cpu`` or ``cuda``.
    """

    estimators: tuple[str, ...] = COMPARED
    starts: tuple[float, ...] = (0.0, 10.0, 30.0, 40.0)
    seeds: int = 5
    splits: tuple[Split, ...] = ("time", "trajectories")
    losses: tuple[Loss, ...] = ("trajectory", "mean")
    iterations: int = 150
    batch: int = 32
    learning_rate: float = 0.5
    replicates: int = 256
    trajectories: int = 1000
    seed: int = 0
    device: str = "cpu"

    def __post_init__(self) -> None:
        if self.seeds < 2:
            raise ValueError(f"seeds={self.seeds}; intervals over seeds need at least 2")
        if self.batch < 4:
            raise ValueError(f"batch={self.batch}; a batch that is halved needs at least 4 evaluations")
        if not self.starts or not self.estimators:
            raise ValueError("nothing to calibrate: give at least one estimator and one start")
        if not all(math.isfinite(each) for each in self.starts):
            raise ValueError(f"starts={self.starts}; each has to be finite")

    @property
    def training_trajectories(self) -> int:
        """Trajectories for training where trajectories are split."""
        return self.trajectories * 7 // 10


SIZES: Mapping[SizeName, Design] = {
    "small": Design(),
    "full": replace(Design(), seeds=10, iterations=1000, batch=256, learning_rate=0.2, replicates=1024),
}


@dataclass(frozen=True)
class Job:
    """All starts and seeds of one estimator, split and loss: they run as one batch."""

    estimator: str
    split: Split
    loss: Loss

    @property
    def name(self) -> str:
        """For a reader."""
        return f"{self.estimator}, {self.split} split, {self.loss} loss"

    def key(self, design: Design) -> str:
        """The name of its checkpoint: equal where the result would be equal, the code as it is now."""
        settings: dict[str, Any] = asdict(design)
        # A job does not depend on which others are asked for.
        for other in ("estimators", "splits", "losses"):
            del settings[other]
        code = code_digest([self.estimator])
        address = json.dumps([asdict(self), settings, code], sort_keys=True)
        return hashlib.blake2s(address.encode(), digest_size=12).hexdigest()


def jobs(design: Design) -> list[Job]:
    """Every job of a design, in the order of the report."""
    return [Job(estimator, split, loss) for split in design.splits for loss in design.losses for estimator in design.estimators]

"""The design of a calibration experiment: what it compares, and how large it is."""

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
"""The part that is held out: the last 30 steps of every trajectory, or the last 300 of 1,000 trajectories."""

Loss = Literal["trajectory", "mean"]
"""The mean squared error between a simulated and a baseline trajectory, or between the mean trajectories."""

SizeName = Literal["small", "full"]

EXACT = "exact_gradient"
"""Not an estimator: descent along the exact gradient, which shows what loss and optimiser do by themselves."""

SHIPPED, FLOAT = "agent_torch_categorical", "agent_torch_categorical_float"
"""The tutorial's Categorical as shipped, and its rule with a floating-point index."""

TUTORIAL = (SHIPPED, FLOAT)
"""The estimators that the tutorial recommends."""

GUMBEL = ("gumbel_softmax", "gumbel_softmax_straight_through")
"""The estimators with which the tutorial compares them."""

COMPARED = (
    EXACT,
    *TUTORIAL,
    *GUMBEL,
    "straight_through",
    "smoothed_triple",
    "stochastic_triple",
    "leave_one_out",
)
"""The estimators that are compared by default."""

PATH_STEPS = 100
TRAIN_STEPS = 70
LONG_STEPS = 1000


@dataclass(frozen=True, kw_only=True)
class Design:
    """The settings of one experiment.

    Attributes:
        estimators: Names, paths or modules of estimators; `EXACT` is allowed.
        starts: The values of theta to start from.
        seeds: The number of repetitions, each with its own baseline.
        splits: The ways to hold data out.
        losses: The losses to minimise.
        iterations: The number of optimiser steps.
        batch: The number of evaluations of the walk that an optimiser step may spend.
        learning_rate: Adam's learning rate, in units of theta, which falls to zero along a cosine.
        replicates: The number of batches from which a gradient's bias and variance are measured.
        trajectories: The number of baseline trajectories; 70 % are for training when trajectories are split.
        seed: The seed.
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
            raise ValueError(f"seeds={self.seeds}; expected at least 2, for intervals over seeds")
        if self.batch < 4:
            raise ValueError(f"batch={self.batch}; expected at least 4 evaluations, as a batch is halved")
        if not self.starts or not self.estimators:
            raise ValueError(f"estimators={self.estimators}, starts={self.starts}; expected at least one of each")
        if not all(math.isfinite(each) for each in self.starts):
            raise ValueError(f"starts={self.starts}; expected finite numbers")

    @property
    def training_trajectories(self) -> int:
        """The number of training trajectories when trajectories are split."""
        return self.trajectories * 7 // 10


SIZES: Mapping[SizeName, Design] = {
    "small": Design(),
    "full": replace(Design(), seeds=10, iterations=1000, batch=256, learning_rate=0.2, replicates=1024),
}


@dataclass(frozen=True)
class Job:
    """All starts and seeds of one estimator, split and loss, which run as one batch."""

    estimator: str
    split: Split
    loss: Loss

    @property
    def name(self) -> str:
        """The job's name for a reader."""
        return f"{self.estimator}, {self.split} split, {self.loss} loss"

    def key(self, design: Design) -> str:
        """Return the name of the job's checkpoint; it is equal whenever the result would be, including the current code."""
        settings: dict[str, Any] = asdict(design)
        # A job does not depend on the other jobs of its design.
        for other in ("estimators", "splits", "losses"):
            del settings[other]
        code = code_digest([self.estimator])
        address = json.dumps([asdict(self), settings, code], sort_keys=True)
        return hashlib.blake2s(address.encode(), digest_size=12).hexdigest()


def jobs(design: Design) -> list[Job]:
    """Return every job of a design, in the order of the report."""
    return [Job(estimator, split, loss) for split in design.splits for loss in design.losses for estimator in design.estimators]

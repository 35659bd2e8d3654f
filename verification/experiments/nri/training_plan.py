"""What a study consists of: data, training, and which estimators at which seeds; two sizes, and what options change."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Literal

from ...drawing.sources import code_digest
from ...problems.relational.decoders import DecoderName
from ...problems.relational.encoders import EncoderName
from .dataset import DataSpec
from .simulation import Simulator
from .training import Arm, Training

__all__ = ["SMALL_ESTIMATORS", "TUTORIAL_RULE", "Job", "Plan", "SizeName", "make_plan"]

SizeName = Literal["small", "full"]

TUTORIAL_RULE = "agent_torch_categorical_float"
"""The tutorial's rule, its index made floating so that its weights act at all."""

SMALL_ESTIMATORS = (
    "gumbel_softmax",
    "gumbel_softmax_straight_through",
    "straight_through",
    "reinmax",
    "leave_one_out",
    TUTORIAL_RULE,
)
"""What the small study compares."""

_FULL_ESTIMATORS = ("gumbel_softmax", "straight_through", TUTORIAL_RULE)
_SMALL_STEPS = 832  # 26 epochs of 32 batches
_LONG_STEPS = 1700
_RECURRENT_STEPS = 448  # 14 epochs: a recurrent decoder's step takes three times as long
_FULL_EPOCHS = 500
_SEEDS: dict[SizeName, int] = {"small": 3, "full": 1}


@dataclass(frozen=True, kw_only=True)
class Job:
    """One model to train."""

    arm: Arm
    seed: int


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A study.

    Attributes:
        size: ``small`` or ``full``.
        data: What is simulated.
        training: How every model is trained.
        jobs: What is trained, in the order of the report.
    """

    size: SizeName
    data: DataSpec
    training: Training
    jobs: tuple[Job, ...]

    def identity(self, job: Job, device: str) -> str:
        """A digest of everything that a job's result follows from, the code as it is now included."""
        code = code_digest([job.arm.estimator])
        text = json.dumps([asdict(self.data), asdict(self.training), asdict(job), device, code], sort_keys=True)
        return hashlib.blake2s(text.encode(), digest_size=8).hexdigest()


def make_plan(
    size: SizeName = "small",
    *,
    simulator: Simulator = "springs",
    estimators: Sequence[str] = (),
    encoder: EncoderName | None = None,
    decoder: DecoderName | None = None,
    steps: int | None = None,
    seeds: int | None = None,
    seed: int = 0,
) -> Plan:
    """The study of a size, with what was asked for in place of its own.

    Without estimators, networks and steps the small study also trains Gumbel-Softmax twice as long, and it and the tutorial's
    rule with the other networks, fewer steps.

    Args:
        size: ``small`` (minutes on two cores) or ``full`` (the published configuration, hours on a data-centre GPU).
        simulator: ``springs`` or ``charged``.
        estimators: Names; the size's own by default.
        encoder: ``mlp`` or ``cnn``; ``mlp`` by default.
        decoder: ``mlp`` or ``rnn``; ``mlp`` by default.
        steps: Optimisation steps of every model.
        seeds: Models an estimator.
        seed: The first of them, and the data's.
    """
    data, training, own = _settings_of_size(size, simulator, seed)
    chosen = tuple(dict.fromkeys(estimators)) or own
    every = range(seed, seed + (seeds or _SEEDS[size]))
    length = steps or (_SMALL_STEPS if size == "small" else _FULL_EPOCHS * -(-data.train // training.batch))
    base = Arm(estimator="", encoder=encoder or "mlp", decoder=decoder or "mlp", steps=length)
    jobs = [Job(arm=replace(base, estimator=name), seed=each) for name in chosen for each in every]
    if size == "small" and not estimators and encoder is None and decoder is None and steps is None:
        jobs += [Job(arm=replace(base, estimator="gumbel_softmax", steps=_LONG_STEPS), seed=each) for each in every]
        others = replace(base, encoder="cnn", decoder="rnn", steps=_RECURRENT_STEPS)
        names = ("gumbel_softmax", TUTORIAL_RULE)
        jobs += [Job(arm=replace(others, estimator=name), seed=each) for name in names for each in every]
    return Plan(size=size, data=data, training=training, jobs=tuple(jobs))


def _settings_of_size(size: SizeName, simulator: Simulator, seed: int) -> tuple[DataSpec, Training, tuple[str, ...]]:
    """Data, training and estimators; where type 0 is no interaction it sends no message."""
    skip_first = simulator == "springs"
    if size == "small":
        return DataSpec(simulator=simulator, seed=seed), Training(skip_first=skip_first), SMALL_ESTIMATORS
    data = DataSpec(simulator=simulator, frames=49, strength=0.1, train=50_000, valid=10_000, test=10_000, seed=seed)
    return data, Training(hidden=256, batch=128, rate=5e-4, skip_first=skip_first), _FULL_ESTIMATORS

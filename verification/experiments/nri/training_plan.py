"""The plan of a study: data, training, and which estimators at which seeds; two sizes, which options change."""

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
"""The tutorial's rule, with a floating-point index so that its weights have an effect at all."""

SMALL_ESTIMATORS = (
    "gumbel_softmax",
    "gumbel_softmax_straight_through",
    "straight_through",
    "reinmax",
    "leave_one_out",
    TUTORIAL_RULE,
)
"""The estimators that the small study compares."""

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
    """The data, the training and the jobs of a study.

    Attributes:
        size: ``small`` or ``full``.
        data: The specification of the simulated data.
        training: The settings of every model's training.
        jobs: The models to train, in the order of the report.
    """

    size: SizeName
    data: DataSpec
    training: Training
    jobs: tuple[Job, ...]

    def identity(self, job: Job, device: str) -> str:
        """Return a digest of everything that a job's result depends on, including the current code."""
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
    """Return the plan of a size, changed by the given options.

    If neither estimators nor networks nor steps are given, the small study also trains Gumbel-Softmax twice as long, and both
    Gumbel-Softmax and the tutorial's rule with the other networks for fewer steps.

    Args:
        size: ``small`` (minutes on two cores) or ``full`` (the published configuration, hours on a data-centre GPU).
        simulator: ``springs`` or ``charged``.
        estimators: The names of estimators; by default those of the size.
        encoder: ``mlp`` or ``cnn``; ``mlp`` by default.
        decoder: ``mlp`` or ``rnn``; ``mlp`` by default.
        steps: The number of optimisation steps of every model.
        seeds: The number of models per estimator.
        seed: The first model's seed, and the data's.
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
    """Return data, training and estimators of a size; type 0 sends no message if it means no interaction."""
    skip_first = simulator == "springs"
    if size == "small":
        return DataSpec(simulator=simulator, seed=seed), Training(skip_first=skip_first), SMALL_ESTIMATORS
    data = DataSpec(simulator=simulator, frames=49, strength=0.1, train=50_000, valid=10_000, test=10_000, seed=seed)
    return data, Training(hidden=256, batch=128, rate=5e-4, skip_first=skip_first), _FULL_ESTIMATORS

"""The training of one model with one gradient estimator and one seed."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ....estimators.protocol import Estimator
from ....estimators.registry import load_estimator
from ...problems.relational.decoders import DecoderName, make_decoder
from ...problems.relational.encoders import EncoderName, make_encoder
from ...problems.relational.losses import trajectory_nll, true_kl
from .dataset import Dataset, Split
from .metrics import Scores, evaluate, forecast_errors
from .sampling import draw_hard, make_surrogate, prepare_estimator, update_estimator

__all__ = ["Arm", "Model", "Point", "Trained", "Training", "make_model", "train"]

TYPES = 2
"""The number of edge types, in both simulators."""

StepsMade = Callable[[int], None]
"""A function called with the number of steps just made."""


@dataclass(frozen=True, kw_only=True)
class Training:
    """The settings that all models of a study are trained with.

    Attributes:
        hidden: The width h of all networks.
        batch: The number of graphs per step.
        rate: Adam's learning rate.
        halve_every: The number of epochs after which the rate is halved.
        horizon: The number of steps between two true frames.
        dropout: The dropout probability of all networks.
        skip_first: Whether edges of type 0 send no message: true for springs, false for charges.
    """

    hidden: int = 32
    batch: int = 32
    rate: float = 2e-3
    halve_every: int = 200
    horizon: int = 10
    dropout: float = 0.0
    skip_first: bool = True


@dataclass(frozen=True, kw_only=True)
class Arm:
    """One way to train: an estimator between two networks, for a number of steps.

    Attributes:
        estimator: A registered name, or a path or module that names an estimator.
        encoder: ``mlp`` or ``cnn``.
        decoder: ``mlp`` or ``rnn``.
        steps: The number of optimisation steps.
    """

    estimator: str
    encoder: EncoderName = "mlp"
    decoder: DecoderName = "mlp"
    steps: int = 832


@dataclass(frozen=True, eq=False)
class Model:
    """An encoder and a decoder."""

    encoder: nn.Module
    decoder: Any

    def parameters(self) -> list[Tensor]:
        """Return the parameters of both networks."""
        return [*self.encoder.parameters(), *self.decoder.parameters()]

    def train(self, mode: bool) -> None:
        """Switch both networks between training and evaluation."""
        self.encoder.train(mode)
        self.decoder.train(mode)

    def state(self) -> tuple[Any, Any]:
        """Return a copy of all weights."""
        return copy.deepcopy(self.encoder.state_dict()), copy.deepcopy(self.decoder.state_dict())

    def restore(self, state: tuple[Any, Any]) -> None:
        """Load a copy of all weights."""
        self.encoder.load_state_dict(state[0])
        self.decoder.load_state_dict(state[1])


@dataclass(frozen=True, kw_only=True)
class Point:
    """Validation scores after a number of steps.

    Attributes:
        step: The number of steps made.
        epoch: The number of passes through the training data.
        scores: The scores on the validation split.
    """

    step: int
    epoch: int
    scores: Scores


@dataclass(frozen=True, kw_only=True)
class Trained:
    """The result of training one arm at one seed.

    Attributes:
        curve: The validation scores from before the first step to after the last.
        best: The place in the curve with the least validation NLL; its weights are tested.
        test: The test scores there.
        errors: The mean squared errors of forecasts, one for each of `metrics.FORECASTS`.
        seconds: The seconds of training and evaluation.
    """

    curve: tuple[Point, ...]
    best: int
    test: Scores
    errors: tuple[float, ...]
    seconds: float


def make_model(arm: Arm, training: Training, frames: int, seed: int) -> Model:
    """Return networks with fresh weights, on the CPU; leave the global random state unchanged."""
    with _seed_global_state(seed, torch.device("cpu")):
        encoder = make_encoder(arm.encoder, frames, training.hidden, TYPES, training.dropout)
        decoder = make_decoder(arm.decoder, training.hidden, TYPES, skip_first=training.skip_first, dropout=training.dropout)
    return Model(encoder, decoder)


def train(
    arm: Arm, training: Training, data: Dataset, seed: int, *, device: str = "cpu", progress: StepsMade | None = None
) -> Trained:
    """Train a model, keep its best epoch by validation NLL, and test it.

    A step minimises the mean over graphs of ``E_q NLL + KL(q || uniform)``. The second term's gradient is exact; the first
    term's gradient in the encoder is the estimator's. On one kind of device, everything but the seconds follows from the seed.

    Args:
        arm: The arm to train.
        training: The settings.
        data: The data, on any device.
        seed: The seed of weights, batches and samples; not of the data.
        device: ``cpu`` or ``cuda``.
        progress: A function called with the number of steps just made.

    Raises:
        NotApplicableError: The estimator cannot be used here.
        NoGradientPathError: The estimator gives no gradient at all.
        FloatingPointError: Training diverged.
    """
    started = time.perf_counter()
    data = data.to(device)
    model = make_model(arm, training, data.train.frames.shape[2], seed)
    model.encoder.to(device)
    model.decoder.to(device)
    with _seed_global_state(seed, torch.device(device)):
        curve, best, state = _run(model, arm, training, data, seed, progress or (lambda steps: None))
    model.restore(state)
    model.train(False)
    frames = data.train.frames.shape[2]
    test = evaluate(model.encoder, model.decoder, data.test, training.horizon, seed, frames=frames)
    errors = forecast_errors(model.encoder, model.decoder, data.test, frames, seed)
    return Trained(curve=curve, best=best, test=test, errors=errors, seconds=time.perf_counter() - started)


def _run(
    model: Model, arm: Arm, training: Training, data: Dataset, seed: int, progress: StepsMade
) -> tuple[tuple[Point, ...], int, tuple[Any, Any]]:
    """Return the curve, the place of its best point, and the weights there."""
    step = _Step(model, training, seed, data.train)
    curve = [Point(step=0, epoch=0, scores=_validate(model, training, data, seed))]
    best, state = 0, model.state()
    estimator = prepare_estimator(load_estimator(arm.estimator), step.loss(data.train.first(training.batch)))
    done, epoch = 0, 0
    while done < arm.steps:
        before, epoch = done, epoch + 1
        for batch in step.batches():
            estimator = step(estimator, batch)
            done += 1
            if done == arm.steps:
                break
        step.insist_on_numbers()
        step.schedule.step()
        curve.append(Point(step=done, epoch=epoch, scores=_validate(model, training, data, seed)))
        if curve[-1].scores.nll < curve[best].scores.nll:
            best, state = len(curve) - 1, model.state()
        progress(done - before)
    return tuple(curve), best, state


class _Step:
    """One optimisation step, with the state that is carried from one step to the next."""

    def __init__(self, model: Model, training: Training, seed: int, data: Split) -> None:
        self.model, self.training, self.data = model, training, data
        self.parameters = tuple(model.decoder.parameters())
        self.optimizer = torch.optim.Adam(model.parameters(), training.rate, foreach=True)
        self.schedule = torch.optim.lr_scheduler.StepLR(self.optimizer, training.halve_every, gamma=0.5)
        self.order = torch.Generator().manual_seed(seed)
        self.noise = torch.Generator(data.frames.device).manual_seed(seed)
        self.finite = torch.ones((), dtype=torch.bool, device=data.frames.device)

    def __call__(self, estimator: Estimator, batch: Split) -> Estimator:
        """Make a step and return the estimator for the next one."""
        logits = self.model.encoder(batch.frames)
        finite = torch.isfinite(logits).all()
        self.finite = self.finite & finite
        # Samplers need not accept NaN, and a GPU is asked only when the epoch ends.
        logits = torch.where(finite, logits, 0.0)
        found = make_surrogate(estimator, logits, self._decoding(batch), self.parameters, self.noise)
        value = found.value + true_kl(logits, batch.frames.shape[1]).mean()
        self.optimizer.zero_grad()
        value.backward()
        self.optimizer.step()
        return update_estimator(estimator, found.losses)

    def insist_on_numbers(self) -> None:
        """Raise if any step so far met logits that are not finite."""
        if not bool(self.finite):
            raise FloatingPointError("training diverged: the encoder's logits are not finite; try a smaller learning rate")

    def batches(self) -> Iterator[Split]:
        """Yield the training data once, in a new order; the last batch may be smaller."""
        order = torch.randperm(len(self.data), generator=self.order).to(self.data.frames.device)
        yield from (self.data.rows(index) for index in order.split(self.training.batch))

    @torch.no_grad()
    def loss(self, batch: Split) -> float:
        """Return the mean loss of one batch for the current networks; a moving average starts from it."""
        self.model.train(False)
        logits = self.model.encoder(batch.frames)
        found = float(self._decoding(batch)(draw_hard(logits, self.noise)).mean())
        self.model.train(True)
        return found

    def _decoding(self, batch: Split) -> Callable[[Tensor], Tensor]:
        def decode(edges: Tensor) -> Tensor:
            frames = batch.frames
            if len(edges) != len(frames):
                frames = frames.repeat_interleave(len(edges) // len(frames), 0)
            predicted = self.model.decoder(frames, edges, self.training.horizon)
            return trajectory_nll(predicted, frames[:, :, 1:])

        return decode


def _validate(model: Model, training: Training, data: Dataset, seed: int) -> Scores:
    model.train(False)
    scores = evaluate(model.encoder, model.decoder, data.valid, training.horizon, seed)
    model.train(True)
    return scores


@contextmanager
def _seed_global_state(seed: int, device: torch.device) -> Iterator[None]:
    """Seed the global generators inside the block, for weights and dropout; restore them afterwards."""
    devices = [torch.cuda.current_device()] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        yield

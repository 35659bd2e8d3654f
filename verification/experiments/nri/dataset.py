"""The data: simulated by seed, split, normalised, and kept on disk with a checksum."""

from __future__ import annotations

import hashlib
import io
import json
import warnings
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, Self, get_args

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from ...record.record import write_atomically
from .simulation import EVERY, Simulator, Trajectories, simulate

__all__ = ["SPLITS", "DataSpec", "Dataset", "Split", "SplitName", "generate", "load_dataset"]

SplitName = Literal["train", "valid", "test"]

SPLITS: tuple[SplitName, ...] = get_args(SplitName)
"""Names of the splits."""

_FORMAT = 1  # raised whenever the same specification comes to mean other numbers
_BATCH = 500


@dataclass(frozen=True, kw_only=True)
class DataSpec:
    """What is simulated; equal specifications give equal data.

    Attributes:
        simulator: ``springs`` or ``charged``.
        particles: N.
        frames: Frames of a training or validation trajectory, T; a test trajectory has twice as many and one.
        strength: The springs' constant k.
        train: Training simulations.
        valid: Validation simulations.
        test: Test simulations.
        seed: Entropy.
    """

    simulator: Simulator = "springs"
    particles: int = 5
    frames: int = 25
    strength: float = 0.5
    train: int = 1000
    valid: int = 200
    test: int = 200
    seed: int = 0

    def __post_init__(self) -> None:
        smallest = min(self.train, self.valid, self.test, self.frames - 1, self.particles - 1)
        if smallest < 1:
            raise ValueError(f"{self}: needs a simulation in every split, two frames and two particles")

    @property
    def key(self) -> str:
        """What its file is called."""
        text = json.dumps({"format": _FORMAT, **asdict(self)}, sort_keys=True)
        return f"{self.simulator}-{hashlib.blake2s(text.encode(), digest_size=8).hexdigest()}"


@dataclass(frozen=True, eq=False)
class Split:
    """Trajectories, normalised to [-1, 1], and the edges behind them.

    Attributes:
        frames: ``[B, N, T, 4]`` (x, y, vx, vy), float32.
        edges: Type of every edge, ``[B, N (N - 1)]``.
    """

    frames: Float[Tensor, "batch particles time 4"]
    edges: Int[Tensor, "batch edges"]

    def __len__(self) -> int:
        return len(self.frames)

    def rows(self, index: Tensor) -> Split:
        """Some of its simulations."""
        return Split(self.frames[index], self.edges[index])

    def first(self, count: int) -> Split:
        """Its first simulations, at most so many."""
        return Split(self.frames[:count], self.edges[:count])

    def to(self, device: torch.device | str) -> Split:
        """The same on another device."""
        return Split(self.frames.to(device), self.edges.to(device))


@dataclass(frozen=True, eq=False)
class Dataset:
    """Three splits under one normalisation, that of the training extrema.

    Attributes:
        train: What is learned from.
        valid: What the best epoch is chosen by.
        test: What is reported; its trajectories go on after the frames that an encoder sees.
        limits: ``[2, 2]``: least and greatest training value of all positions, and of all velocities.
    """

    train: Split
    valid: Split
    test: Split
    limits: Float[Tensor, "2 2"]

    def to(self, device: torch.device | str) -> Self:
        """The same on another device."""
        return type(self)(self.train.to(device), self.valid.to(device), self.test.to(device), self.limits.to(device))


def generate(spec: DataSpec) -> Dataset:
    """Simulate, split and normalise; the same specification gives the same data.

    Cost: seconds at a thousand simulations, minutes at fifty thousand.
    """
    short = spec.frames * EVERY + EVERY
    lengths: dict[SplitName, int] = {"train": short, "valid": short, "test": 2 * short}
    raw = {name: _simulate_split(spec, name, steps) for name, steps in lengths.items()}
    values = raw["train"].frames.unflatten(-1, (2, 2)).movedim(-2, 0).flatten(1)
    limits = torch.stack((values.amin(1), values.amax(1)), dim=1)
    return Dataset(**{name: _normalise(each, limits) for name, each in raw.items()}, limits=limits)


def load_dataset(spec: DataSpec, cache: Path | None = None) -> Dataset:
    """The data of a specification, from the cache where it lies there whole, else simulated and put there.

    A file whose checksum does not agree (a disk that filled up, a bit that flipped) is simulated again and replaced. Where
    nothing can be written the data are used all the same.

    Args:
        spec: What is wanted.
        cache: Folder to keep it in, made if missing; None keeps nothing.
    """
    if cache is None:
        return generate(spec)
    path = cache / f"{spec.key}.npz"
    content = _read_intact(path)
    if content is None:
        content = _pack(generate(spec))
        _write_file(path, content)
    return _unpack(content)


def _simulate_split(spec: DataSpec, split: SplitName, steps: int) -> Trajectories:
    count = {"train": spec.train, "valid": spec.valid, "test": spec.test}[split]
    parts = []
    for start in range(0, count, _BATCH):
        generator = torch.Generator().manual_seed(_split_seed(spec, split, start))
        size = min(_BATCH, count - start)
        parts.append(simulate(spec.simulator, size, steps, generator, particles=spec.particles, strength=spec.strength))
    return Trajectories(torch.cat([each.frames for each in parts]), torch.cat([each.edges for each in parts]))


def _split_seed(spec: DataSpec, split: SplitName, start: int) -> int:
    """Of one batch: another for every split, so that none holds a simulation of another."""
    text = json.dumps([spec.seed, spec.simulator, split, start])
    return int.from_bytes(hashlib.blake2s(text.encode(), digest_size=4).digest(), "big")


def _normalise(raw: Trajectories, limits: Tensor) -> Split:
    low, high = limits.repeat_interleave(2, dim=0).unbind(1)
    frames = 2 * (raw.frames - low) / (high - low) - 1
    return Split(frames.float(), raw.edges)


def _pack(data: Dataset) -> bytes:
    arrays = {f"{name}_{part}": getattr(getattr(data, name), part).numpy() for name in SPLITS for part in ("frames", "edges")}
    stream = io.BytesIO()
    np.savez(stream, limits=data.limits.numpy(), **arrays)
    return stream.getvalue()


def _unpack(content: bytes) -> Dataset:
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        found = {name: torch.from_numpy(arrays[name]) for name in arrays.files}
    splits = {name: Split(found[f"{name}_frames"], found[f"{name}_edges"]) for name in SPLITS}
    return Dataset(**splits, limits=found["limits"])


def _write_file(path: Path, content: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # The checksum last: a file without one is one that was not finished.
        write_atomically(path, content)
        write_atomically(_checksum_file(path), _checksum(content))
    except OSError as error:
        message = f"the simulated data are not kept in {path.parent} ({error.strerror or error})"
        warnings.warn(message, RuntimeWarning, stacklevel=3)


def _read_intact(path: Path) -> bytes | None:
    """A file's content if its checksum agrees."""
    try:
        content = path.read_bytes()
        expected = _checksum_file(path).read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError):
        return None
    return content if expected == _checksum(content) else None


def _checksum(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _checksum_file(path: Path) -> Path:
    return path.with_suffix(".sha256")

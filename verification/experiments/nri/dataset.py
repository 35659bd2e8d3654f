"""The data: simulated from a seed, split, normalised, and cached on disk with a checksum."""

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
"""The names of the splits."""

_FORMAT = 1  # raised whenever the same specification gives other numbers
_BATCH = 500


@dataclass(frozen=True, kw_only=True)
class DataSpec:
    """The specification of the simulated data; equal specifications give equal data.

    Attributes:
        simulator: ``springs`` or ``charged``.
        particles: The number of particles, N.
        frames: The number of frames of a training or validation trajectory, T; a test trajectory has 2 T + 1.
        strength: The springs' constant k.
        train: The number of training simulations.
        valid: The number of validation simulations.
        test: The number of test simulations.
        seed: The seed.
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
            raise ValueError(f"{self}: needs at least one simulation in every split, two frames and two particles")

    @property
    def key(self) -> str:
        """The stem of the data's file name."""
        text = json.dumps({"format": _FORMAT, **asdict(self)}, sort_keys=True)
        return f"{self.simulator}-{hashlib.blake2s(text.encode(), digest_size=8).hexdigest()}"


@dataclass(frozen=True, eq=False)
class Split:
    """Trajectories, normalised to [-1, 1], and the types of their edges.

    Attributes:
        frames: The trajectories, ``[B, N, T, 4]`` (x, y, vx, vy), float32.
        edges: The type of every edge, ``[B, N (N - 1)]``.
    """

    frames: Float[Tensor, "batch particles time 4"]
    edges: Int[Tensor, "batch edges"]

    def __len__(self) -> int:
        return len(self.frames)

    def rows(self, index: Tensor) -> Split:
        """Return the simulations with the given indices."""
        return Split(self.frames[index], self.edges[index])

    def first(self, count: int) -> Split:
        """Return the first `count` simulations, or all if there are fewer."""
        return Split(self.frames[:count], self.edges[:count])

    def to(self, device: torch.device | str) -> Split:
        """Return a copy on another device."""
        return Split(self.frames.to(device), self.edges.to(device))


@dataclass(frozen=True, eq=False)
class Dataset:
    """Three splits with one normalisation, which the extrema of the training split define.

    Attributes:
        train: The data to learn from.
        valid: The data by which the best epoch is chosen.
        test: The data of the reported scores; its trajectories continue after the frames that an encoder sees.
        limits: The least and greatest training value of all positions and of all velocities, ``[2, 2]``.
    """

    train: Split
    valid: Split
    test: Split
    limits: Float[Tensor, "2 2"]

    def to(self, device: torch.device | str) -> Self:
        """Return a copy on another device."""
        return type(self)(self.train.to(device), self.valid.to(device), self.test.to(device), self.limits.to(device))


def generate(spec: DataSpec) -> Dataset:
    """Simulate, split and normalise the data; the same specification gives the same data.

    Cost: seconds at a thousand simulations, minutes at fifty thousand.
    """
    short = spec.frames * EVERY + EVERY
    lengths: dict[SplitName, int] = {"train": short, "valid": short, "test": 2 * short}
    raw = {name: _simulate_split(spec, name, steps) for name, steps in lengths.items()}
    values = raw["train"].frames.unflatten(-1, (2, 2)).movedim(-2, 0).flatten(1)
    limits = torch.stack((values.amin(1), values.amax(1)), dim=1)
    return Dataset(**{name: _normalise(each, limits) for name, each in raw.items()}, limits=limits)


def load_dataset(spec: DataSpec, cache: Path | None = None) -> Dataset:
    """Return the data of a specification from the cache, or simulate and cache them.

    If a file's checksum does not agree (the disk was full, a bit flipped), its data are simulated again and replaced. If
    nothing can be written, the data are used all the same.

    Args:
        spec: The specification.
        cache: The cache folder, created if missing; None writes nothing.
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
    """Return the seed of one batch; seeds differ between splits, so no simulation is in two splits."""
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
        # The checksum is written last: a file without one is incomplete.
        write_atomically(path, content)
        write_atomically(_checksum_file(path), _checksum(content))
    except OSError as error:
        message = f"the simulated data are not kept in {path.parent} ({error.strerror or error}); free space, or name a --cache"
        warnings.warn(message, RuntimeWarning, stacklevel=3)


def _read_intact(path: Path) -> bytes | None:
    """Return a file's content if its checksum agrees, else None."""
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

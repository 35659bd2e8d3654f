"""Bugs around a sound estimator: its rows scaled, clipped, repeated, or drawn from the wrong generator."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ...estimators.protocol import Estimator, Program

__all__ = [
    "AddedNoise",
    "Attached",
    "ClippedRows",
    "DroppedLargeRows",
    "FlippedCoordinate",
    "GlobalNoise",
    "GlobalReseed",
    "PooledRows",
    "RepeatedHalves",
    "RepeatedRows",
    "Scaled",
    "ShortPeriod",
    "SinglePrecision",
    "StaleSeed",
]


@dataclass(frozen=True)
class Scaled:
    """Every row times a factor."""

    inner: Estimator
    factor: float

    def __call__(self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
        """Replicates."""
        return self.factor * self.inner(program, params, num_samples, generator)


@dataclass(frozen=True)
class FlippedCoordinate:
    """One coordinate times a factor, by default its sign flipped."""

    inner: Estimator
    coordinate: int
    factor: float = -1.0

    def __call__(self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
        """Replicates."""
        rows = self.inner(program, params, num_samples, generator)
        factors = torch.ones_like(rows[0]).reshape(-1)
        factors[self.coordinate % len(factors)] = self.factor
        return rows * factors.reshape(params.shape)


@dataclass(frozen=True)
class ClippedRows:
    """Every number clipped, as training loops do."""

    inner: Estimator
    limit: float

    def __call__(self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
        """Replicates."""
        return self.inner(program, params, num_samples, generator).clamp(-self.limit, self.limit)


@dataclass(frozen=True)
class DroppedLargeRows:
    """Rows with a number beyond the limit set to zero, as outlier filters do."""

    inner: Estimator
    limit: float

    def __call__(self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
        """Replicates."""
        rows = self.inner(program, params, num_samples, generator)
        beyond = (rows.abs() > self.limit).reshape(num_samples, -1).any(1)
        return rows.masked_fill(beyond.reshape(-1, *(1 for _ in params.shape)), 0.0)


@dataclass(frozen=True)
class AddedNoise:
    """Signs of a given size added at random: the mean is right, the variance too large by the size squared."""

    inner: Estimator
    deviation: float

    def __call__(self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
        """Replicates."""
        rows = self.inner(program, params, num_samples, generator)
        sign = torch.randint(0, 2, rows.shape, generator=generator, device=rows.device).to(rows.dtype) * 2 - 1
        return rows + self.deviation * sign


@dataclass(frozen=True)
class PooledRows:
    """Every row moved towards the mean of all rows of the call: the mean is right, the rows are coupled."""

    inner: Estimator

    def __call__(self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
        """Replicates."""
        rows = self.inner(program, params, num_samples, generator)
        return (rows + rows.mean(0)) / 2


@dataclass(frozen=True)
class RepeatedRows:
    """Duplicated seeds: every row twice in succession."""

    inner: Estimator

    def __call__(self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
        """Replicates."""
        half = self.inner(program, params, (num_samples + 1) // 2, generator)
        return half.repeat_interleave(2, 0)[:num_samples]


@dataclass(frozen=True)
class RepeatedHalves:
    """Duplicated seeds: the second half of a call repeats its first half."""

    inner: Estimator

    def __call__(self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
        """Replicates."""
        half = self.inner(program, params, (num_samples + 1) // 2, generator)
        return torch.cat((half, half))[:num_samples]


@dataclass(frozen=True)
class ShortPeriod:
    """Noise that repeats after so many rows of a call."""

    inner: Estimator
    period: int

    def __call__(self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
        """Replicates."""
        rows = self.inner(program, params, min(num_samples, self.period), generator)
        return rows.repeat(-(-num_samples // self.period), *(1 for _ in params.shape))[:num_samples]


@dataclass(frozen=True)
class StaleSeed:
    """Its own seed set at every call."""

    inner: Estimator

    def __call__(self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
        """Replicates."""
        return self.inner(program, params, num_samples, torch.Generator(params.device).manual_seed(0))


@dataclass(frozen=True)
class GlobalNoise:
    """A generator of its own, seeded from PyTorch's global state; the one it is given goes unused."""

    inner: Estimator

    def __call__(self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
        """Replicates."""
        seed = int(torch.randint(2**31, ()))
        return self.inner(program, params, num_samples, torch.Generator(params.device).manual_seed(seed))


@dataclass(frozen=True)
class GlobalReseed:
    """Sound rows, but PyTorch's global seed is reset on the way."""

    inner: Estimator

    def __call__(self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
        """Replicates."""
        torch.manual_seed(0)
        return self.inner(program, params, num_samples, generator)


@dataclass(frozen=True)
class Attached:
    """Rows returned with a graph."""

    inner: Estimator

    def __call__(self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
        """Replicates."""
        return self.inner(program, params, num_samples, generator).requires_grad_()


@dataclass(frozen=True)
class SinglePrecision:
    """Everything computed and returned in float32, whatever the parameters are."""

    inner: Estimator

    def __call__(self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
        """Replicates."""
        return self.inner(program, params.float(), num_samples, generator)

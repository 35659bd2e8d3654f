"""Bugs around a sound estimator: its rows scaled, clipped, repeated, or drawn from the wrong generator."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from ....estimators.protocol import Estimator, Program

__all__ = [
    "AddedNoise",
    "Attached",
    "ClippedRows",
    "DroppedLargeRows",
    "FlippedCoordinate",
    "GlobalNoise",
    "GlobalReseed",
    "LogOfUniform",
    "OneStream",
    "PassingNan",
    "PooledRows",
    "RepeatedHalves",
    "RepeatedRows",
    "Scaled",
    "SharedNoise",
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
        """Return replicates."""
        return self.factor * self.inner(program, params, num_samples, generator)


@dataclass(frozen=True)
class FlippedCoordinate:
    """One coordinate times a factor, by default its sign flipped."""

    inner: Estimator
    coordinate: int
    factor: float = -1.0

    def __call__(self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
        """Return replicates."""
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
        """Return replicates."""
        return self.inner(program, params, num_samples, generator).clamp(-self.limit, self.limit)


@dataclass(frozen=True)
class DroppedLargeRows:
    """Rows with a number beyond the limit set to zero, as outlier filters do."""

    inner: Estimator
    limit: float

    def __call__(self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
        """Return replicates."""
        rows = self.inner(program, params, num_samples, generator)
        beyond = (rows.abs() > self.limit).reshape(num_samples, -1).any(1)
        return rows.masked_fill(beyond.reshape(-1, *(1 for _ in params.shape)), 0.0)


@dataclass(frozen=True)
class AddedNoise:
    """Signs of a given size added at random: the mean is right, the variance too large by the size squared."""

    inner: Estimator
    deviation: float

    def __call__(self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
        """Return replicates."""
        rows = self.inner(program, params, num_samples, generator)
        sign = torch.randint(0, 2, rows.shape, generator=generator, device=rows.device).to(rows.dtype) * 2 - 1
        return rows + self.deviation * sign


@dataclass(frozen=True)
class PooledRows:
    """Every row moved towards the mean of all rows of the call: the mean is right, the rows are coupled."""

    inner: Estimator

    def __call__(self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
        """Return replicates."""
        rows = self.inner(program, params, num_samples, generator)
        return (rows + rows.mean(0)) / 2


@dataclass(frozen=True)
class SharedNoise:
    """One normal number of a given size added to all rows of a call: the mean is right, and no two rows of a chunk show it."""

    inner: Estimator
    deviation: float

    def __call__(self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
        """Return replicates."""
        rows = self.inner(program, params, num_samples, generator)
        return rows + self.deviation * torch.randn((), generator=generator, dtype=rows.dtype, device=rows.device)


@dataclass(frozen=True)
class LogOfUniform:
    """The logarithm of a uniform in a term that comes to nothing, but for the uniform zero: a NaN in 2^24 rows."""

    inner: Estimator

    def __call__(self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
        """Return replicates."""
        rows = self.inner(program, params, num_samples, generator)
        return rows + 0 * torch.rand(rows.shape, generator=generator, device=rows.device).log()


@dataclass(frozen=True)
class PassingNan:
    """A NaN in every other large call, whatever its seed: drawn again, the chunk has none."""

    inner: Estimator
    calls: list[int] = field(default_factory=list, compare=False, repr=False)

    def __call__(self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
        """Return replicates."""
        rows = self.inner(program, params, num_samples, generator)
        if num_samples >= 2048:
            self.calls.append(num_samples)
            rows[0] *= torch.nan if len(self.calls) % 2 else 1.0
        return rows


@dataclass(frozen=True)
class RepeatedRows:
    """Duplicated seeds: every row twice in succession."""

    inner: Estimator

    def __call__(self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
        """Return replicates."""
        half = self.inner(program, params, (num_samples + 1) // 2, generator)
        return half.repeat_interleave(2, 0)[:num_samples]


@dataclass(frozen=True)
class RepeatedHalves:
    """Duplicated seeds: the second half of a call repeats its first half."""

    inner: Estimator

    def __call__(self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
        """Return replicates."""
        half = self.inner(program, params, (num_samples + 1) // 2, generator)
        return torch.cat((half, half))[:num_samples]


@dataclass(frozen=True)
class ShortPeriod:
    """Noise that repeats after so many rows of a call."""

    inner: Estimator
    period: int

    def __call__(self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
        """Return replicates."""
        rows = self.inner(program, params, min(num_samples, self.period), generator)
        return rows.repeat(-(-num_samples // self.period), *(1 for _ in params.shape))[:num_samples]


@dataclass(frozen=True)
class StaleSeed:
    """Its own seed set at every call."""

    inner: Estimator

    def __call__(self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
        """Return replicates."""
        return self.inner(program, params, num_samples, torch.Generator(params.device).manual_seed(0))


@dataclass(frozen=True)
class OneStream:
    """Noise of one stream for all calls, entered at the call's seed: with one site, the next seed's rows are these but one."""

    inner: Estimator

    def __call__(self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
        """Return replicates."""
        first = generator.initial_seed() % 2**12
        return self.inner(program, params, first + num_samples, torch.Generator(params.device).manual_seed(0))[first:]


@dataclass(frozen=True)
class GlobalNoise:
    """A generator of its own, seeded from PyTorch's global state; the one it is given goes unused."""

    inner: Estimator

    def __call__(self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
        """Return replicates."""
        seed = int(torch.randint(2**31, ()))
        return self.inner(program, params, num_samples, torch.Generator(params.device).manual_seed(seed))


@dataclass(frozen=True)
class GlobalReseed:
    """Sound rows, but PyTorch's global seed is reset on the way."""

    inner: Estimator

    def __call__(self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
        """Return replicates."""
        torch.manual_seed(0)
        return self.inner(program, params, num_samples, generator)


@dataclass(frozen=True)
class Attached:
    """Rows returned with a graph."""

    inner: Estimator

    def __call__(self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
        """Return replicates."""
        return self.inner(program, params, num_samples, generator).requires_grad_()


@dataclass(frozen=True)
class SinglePrecision:
    """Everything computed and returned in float32, whatever the parameters are."""

    inner: Estimator

    def __call__(self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
        """Return replicates."""
        return self.inner(program, params.float(), num_samples, generator)

"""Wrapped estimators: each bug does what its docstring says, to rows that are known."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from gradverify.estimators.protocol import Program
from gradverify.verification.selftest.mutants.wrapper_bugs import (
    Attached,
    ClippedRows,
    DroppedLargeRows,
    FlippedCoordinate,
    GlobalReseed,
    OneStream,
    PassingNan,
    PooledRows,
    RepeatedHalves,
    RepeatedRows,
    Scaled,
    ShortPeriod,
    SinglePrecision,
    StaleSeed,
)

PARAMS = torch.zeros(2, dtype=torch.float64)


@dataclass(frozen=True)
class Normals:
    """Rows of normal numbers, in the parameters' type."""

    def __call__(self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
        return torch.randn(num_samples, *params.shape, generator=generator, dtype=params.dtype)


def rows(estimator: object, count: int = 6, seed: int = 1) -> Tensor:
    return estimator(None, PARAMS, count, torch.Generator().manual_seed(seed))  # type: ignore[operator, no-any-return]


SOUND = rows(Normals())


def test_rows_are_scaled_flipped_clipped_and_dropped() -> None:
    assert torch.equal(rows(Scaled(Normals(), 1.5)), 1.5 * SOUND)
    assert torch.equal(rows(FlippedCoordinate(Normals(), 1)), SOUND * torch.tensor([1.0, -1.0]))
    assert torch.equal(rows(ClippedRows(Normals(), 0.5)), SOUND.clamp(-0.5, 0.5))
    large = (SOUND.abs() > 0.5).any(1)
    assert torch.equal(rows(DroppedLargeRows(Normals(), 0.5)), SOUND * ~large[:, None])


def test_pooled_rows_keep_their_mean() -> None:
    assert torch.allclose(rows(PooledRows(Normals())).mean(0), SOUND.mean(0))


@pytest.mark.parametrize(
    ("estimator", "same"),
    [(RepeatedRows(Normals()), (0, 1)), (RepeatedHalves(Normals()), (0, 3)), (ShortPeriod(Normals(), 2), (1, 5))],
)
def test_rows_repeat(estimator: object, same: tuple[int, int]) -> None:
    found = rows(estimator)
    assert torch.equal(found[same[0]], found[same[1]])
    assert len(found) == 6


def test_seeds_are_stale_or_shared() -> None:
    assert torch.equal(rows(StaleSeed(Normals()), seed=1), rows(StaleSeed(Normals()), seed=2))
    assert torch.equal(rows(OneStream(Normals()), 4, seed=1)[1:], rows(OneStream(Normals()), 4, seed=2)[:-1])


def test_global_state_type_and_graph_are_touched() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(5)
        rows(GlobalReseed(Normals()))
        assert torch.initial_seed() == 0
    assert rows(SinglePrecision(Normals())).dtype == torch.float32
    assert rows(Attached(Normals())).requires_grad


def test_a_nan_passes() -> None:
    estimator = PassingNan(Normals())
    assert [bool(rows(estimator, 2048).isnan().any()) for _ in range(4)] == [True, False, True, False]

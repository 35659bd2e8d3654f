"""Jumps of an objective with its noise held: seen where they are, and not taken for slopes, kinks or rounding."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from gradverify.estimators.adapters.jumps import count_jumping_rows

ROWS = 400
NOISE = torch.linspace(0.0, 1.0, ROWS, dtype=torch.float64)
PARAMS = torch.tensor([0.5, 0.5], dtype=torch.float64)


def hard(rows: Tensor) -> Tensor:
    """One where the noise is below: rows of noise within 0.05 of a half jump."""
    return (rows[:, 0] > NOISE).to(rows)


def many(rows: Tensor) -> Tensor:
    """Hundred jumps in a row, of which no single one is half of the change."""
    grid = torch.linspace(0.4, 0.6, 100, dtype=rows.dtype) + 1e-3 * NOISE[:, None]
    return (grid < rows[:, :1]).sum(-1).to(rows)


def steep(rows: Tensor) -> Tensor:
    return torch.sigmoid((rows.sum(-1) - 2 * NOISE) / 1e-4)


def flat_somewhere(rows: Tensor) -> Tensor:
    """A parabola whose lowest point lies in the interval of some rows."""
    return (rows[:, 0] - NOISE).square()


def kinked(rows: Tensor) -> Tensor:
    return (rows[:, 1] - NOISE).relu()


def rounded(rows: Tensor) -> Tensor:
    """Single precision, far from zero."""
    return (1000 + rows.sum(-1) * NOISE).float().double()


@pytest.mark.parametrize(("objective", "least", "most"), [(hard, 18, 22), (many, 200, 200)])
def test_rows_that_jump_are_counted(objective: Callable[[Tensor], Tensor], least: int, most: int) -> None:
    """Every second row moves the coordinate that jumps: half of those whose noise is near."""
    assert least <= count_jumping_rows(objective, PARAMS, ROWS) <= most


@pytest.mark.parametrize("objective", [steep, flat_somewhere, kinked, rounded])
def test_what_is_continuous_does_not_jump(objective: Callable[[Tensor], Tensor]) -> None:
    assert count_jumping_rows(objective, PARAMS, ROWS) == 0


def test_the_interval_stays_where_the_program_runs() -> None:
    """It ends just beside the point: the narrower one is taken, and a jump within it seen."""

    def bounded(rows: Tensor) -> Tensor:
        if bool((rows > 1).any()):
            raise ValueError("not a probability")
        return (rows > 0.99503).to(rows)

    def nowhere(rows: Tensor) -> Tensor:
        return torch.full_like(rows, torch.nan)

    point = torch.tensor(0.995, dtype=torch.float64)
    assert count_jumping_rows(bounded, point, 10) == 10
    assert count_jumping_rows(nowhere, point, 10) == 0

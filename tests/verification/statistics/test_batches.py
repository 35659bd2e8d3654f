"""Batch sums: every row once, in its order, in bounded memory, whatever the pieces in which rows arrive."""

from __future__ import annotations

import numpy as np
import pytest

from gradverify.verification.statistics.batches import MOST_BATCHES, Batches, inner

ROWS = np.random.default_rng(0).normal(size=(20_000, 3))


def folded(rows: np.ndarray, cuts: list[int], reference: np.ndarray | None = None) -> Batches:
    batches = Batches.empty(rows.shape[1], sampled=reference is not None)
    for start, end in zip([0, *cuts], [*cuts, len(rows)], strict=True):
        part = None if reference is None else reference[start:end]
        batches = batches.extend(Batches.from_rows(rows[start:end], part))
    return batches


@pytest.mark.parametrize("cuts", [[], [1000, 1250, 2048, 4096, 4100], list(range(100, 20_000, 100))])
def test_the_sums_are_those_of_the_rows(cuts: list[int]) -> None:
    batches = folded(ROWS, cuts, 2 * ROWS)
    assert batches.count == len(ROWS)
    assert batches.reference is not None
    ends = np.cumsum(batches.rows)
    for start, end, errors, reference in zip(ends - batches.rows, ends, batches.errors, batches.reference, strict=True):
        np.testing.assert_allclose(errors, ROWS[start:end].sum(axis=0), atol=1e-10)
        np.testing.assert_allclose(reference, 2 * ROWS[start:end].sum(axis=0), atol=1e-10)


@pytest.mark.parametrize("count", [1, 16, 17, 1000, 1024, 1040, 5000, 20_000])
def test_the_batches_stay_few_and_are_never_too_few(count: int) -> None:
    batches = folded(ROWS[:count], list(range(2048, count, 2048)))
    assert min(MOST_BATCHES // 2, -(-count // 16)) <= len(batches.rows) <= MOST_BATCHES
    assert batches.rows.min() > 0


def test_a_fold_depends_on_the_order_of_the_rows_alone() -> None:
    """The same parts, whether each comes by itself or several at once: bit by bit the same."""
    parts = [Batches.from_rows(ROWS[start : start + 2048]) for start in range(0, 20_000, 2048)]
    one, two = Batches.empty(3), Batches.empty(3)
    for part in parts:
        one = one.extend(part)
    for first, second in zip(parts[::2], parts[1::2], strict=True):
        two = two.extend(first.follow(second))
    np.testing.assert_array_equal(one.rows, two.rows)
    np.testing.assert_allclose(one.errors, two.errors, atol=1e-9)


def test_memory_does_not_grow_with_the_square_of_the_coordinates() -> None:
    wide = Batches.from_rows(np.ones((64, 50_000)))
    assert wide.errors.shape == (4, 50_000)
    assert Batches.from_rows(np.ones((2048, 2))).errors.shape == (128, 2)


def test_inner_products() -> None:
    np.testing.assert_allclose(inner(ROWS[:4], ROWS[:5]), ROWS[:4] @ ROWS[:5].T)

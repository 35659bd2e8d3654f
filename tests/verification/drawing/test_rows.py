"""The one loop that draws: looks, chunks, and rows that are not finite."""

from __future__ import annotations

from itertools import repeat

import numpy as np

from gradverify.verification.drawing.rows import moments_at_looks
from gradverify.verification.statistics.moments import Moments

ROWS = np.random.default_rng(0).normal(size=(1000, 2))


def test_moments_at_looks_are_those_of_all_rows_until_then() -> None:
    asked: list[tuple[int, int]] = []
    drawn = iter(range(1000))

    def draw(chunk: int, rows: int) -> list[np.ndarray]:
        asked.append((chunk, rows))
        return [ROWS[[next(drawn) for _ in range(rows)]]]

    looks = list(moments_at_looks(draw, repeat(300), [400, 1000]))
    assert asked == [(0, 300), (1, 100), (2, 300), (3, 300)]
    for (seen,), count in zip(looks, (400, 1000), strict=True):
        whole = Moments.from_rows(ROWS[:count])
        assert seen.count == count
        np.testing.assert_allclose(seen.mean, whole.mean, rtol=1e-12)
        np.testing.assert_allclose(seen.m2, whole.m2, rtol=1e-12)


def test_a_look_is_asked_for_when_the_last_one_was_dealt_with() -> None:
    dealt: list[int] = []

    def looks():
        yield 10
        yield 20 if dealt == [10] else 999

    for (seen,) in moments_at_looks(lambda chunk, rows: [ROWS[:rows]], repeat(7), looks()):
        dealt.append(seen.count)
    assert dealt == [10, 20]


def test_a_row_that_is_not_finite_ends_the_loop_where_it_is_to() -> None:
    def draw(chunk: int, rows: int) -> list[np.ndarray]:
        values = ROWS[:rows].copy()
        if chunk == 1:
            values[0, 0] = np.nan
        return [values]

    (early,) = moments_at_looks(draw, repeat(10), [50, 100], until_nonfinite=True)
    assert (early[0].count, early[0].nonfinite) == (19, 1)
    whole = list(moments_at_looks(draw, repeat(10), [50, 100]))
    assert [(seen.count, seen.nonfinite) for (seen,) in whole] == [(49, 1), (99, 1)]

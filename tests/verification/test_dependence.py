"""Dependence between rows: rates on sparse and heavy-tailed rows, power on duplicates, and digests that may be equal."""

from __future__ import annotations

import numpy as np
import pytest

from gradverify.verification.dependence import correlation, digest, largest_correlation, stale_seed

LIMIT = largest_correlation(2048)

LAWS = {
    "normal": lambda g, shape: g.normal(size=shape),
    "weight .3": lambda g, shape: (g.random(shape) < 0.3) / 0.3,
    "weight .02": lambda g, shape: (g.random(shape) < 0.02) / 0.02,
    "weight .003": lambda g, shape: (g.random(shape) < 0.003) / 0.003,
    "weight .0005": lambda g, shape: (g.random(shape) < 0.0005) / 0.0005,
    "sparse lognormal": lambda g, shape: (g.random(shape) < 0.01) * g.lognormal(0, 2, shape),
    "lognormal 1": lambda g, shape: g.lognormal(0, 1, shape),
    "lognormal 2": lambda g, shape: g.lognormal(0, 2, shape),
    "Cauchy": lambda g, shape: g.standard_cauchy(shape),
}


@pytest.mark.parametrize("law", LAWS)
def test_null(law: str) -> None:
    """2,000 chunks of 2,048 independent rows at two distances: none beyond 6.1 standard errors (nominal 4e-6 for the test).

    Measured over 5,120 chunks a law: the largest statistic is 3.5 for normal rows, 4.0 for weights of probability .3, and falls
    with the probability: 0.75 at .01, 0.1 at .001, 0.2 for sparse lognormals, since the five largest products are left out. So
    sparse rows make the check conservative; what it loses there is power.
    """
    generator = np.random.default_rng(12)
    worst = max(float(np.abs(correlation(LAWS[law](generator, (2048, 250)))).max()) for _ in range(8))
    assert worst < LIMIT


@pytest.mark.parametrize("half_apart", [False, True])
@pytest.mark.parametrize(
    ("law", "found"), [("weight .3", True), ("weight .02", True), ("lognormal 1", True), ("weight .0005", False)]
)
def test_power_on_duplicates(law: str, found: bool, half_apart: bool) -> None:
    """Every row twice in 2,048. Measured: all chunks down to weights of .02, .92 at .01, .23 at .005; .42 for lognormal 2.

    At 16,384 rows: all down to .003, .81 at .001, .91 for lognormal 2.
    """
    half = LAWS[law](np.random.default_rng(13), (1024, 200))
    rows = np.concatenate([half, half]) if half_apart else half.repeat(2, axis=0)
    seen = np.abs(np.array(correlation(rows)).reshape(2, 200)[int(half_apart)]) > LIMIT
    assert seen.mean() > 0.95 if found else seen.mean() < 0.05


def test_constant_infinite_and_huge_rows_have_no_correlation() -> None:
    for value in (3.5, np.inf, np.nan):
        assert correlation(np.full((100, 2), value)) == (0.0,) * 4
    assert correlation(np.random.default_rng(0).normal(size=(100, 1)) * 1e200) == (0.0, 0.0)
    assert correlation(np.ones((1, 1))) == (0.0, 0.0)


def test_digests_keep_silent_where_chance_may_repeat_rows() -> None:
    rows = np.zeros((2048, 1))
    assert digest(rows) == b""
    rows[:9] = 1.0
    assert digest(rows) == b""
    rows[:10] = 1.0
    assert len(digest(rows)) == 32
    assert digest(np.full((2048, 2), 3.5)) == b""


def test_stale_seeds_are_equal_chunks_that_tell_something() -> None:
    assert stale_seed([b"a", b"b", b"a"])
    assert not stale_seed([b"a", b"b", b"c"])
    assert not stale_seed([b"", b"", b"a"])

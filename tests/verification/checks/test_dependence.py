"""Dependence between rows: rates on sparse and heavy-tailed rows, power on duplicates, and digests that may be equal."""

from __future__ import annotations

import numpy as np
import pytest

from gradverify.verification.checks.dependence import (
    correlation,
    digest,
    dispersion,
    distances,
    find_dependence,
    find_shared_noise,
    largest_correlation,
    largest_dispersion,
    repeated_lag,
    stale_seed,
)
from gradverify.verification.statistics.moments import Moments

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
    """2,000 chunks of 2,048 rows at twelve distances: none beyond 7.1 standard errors (nominal 2.4e-8 for the test).

    Measured over 5,120 chunks a law at two distances: the largest statistic is 3.5 for normal rows, 4.0 for weights of
    probability .3, and falls with the probability: 0.75 at .01, 0.1 at .001, 0.2 for sparse lognormals, since the five largest
    products are left out. So sparse rows make the check conservative; what it loses there is power.
    """
    generator = np.random.default_rng(12)
    worst = max(float(np.abs(correlation(LAWS[law](generator, (2048, 250)))).max()) for _ in range(8))
    assert worst < LIMIT


@pytest.mark.parametrize("half_apart", [False, True])
@pytest.mark.parametrize(
    ("law", "found"), [("weight .3", True), ("weight .02", True), ("lognormal 1", True), ("weight .0005", False)]
)
def test_power_on_duplicates(law: str, found: bool, half_apart: bool) -> None:
    """Every row twice in 2,048. Measured: .98 of chunks down to weights of .02, .80 at .01, .16 at .005; .34 for lognormal 2.

    At 16,384 rows: all down to .003, .85 at .001, .94 for lognormal 2.
    """
    half = LAWS[law](np.random.default_rng(13), (1024, 200))
    rows = np.concatenate([half, half]) if half_apart else half.repeat(2, axis=0)
    seen = np.abs(np.array(correlation(rows)).reshape(12, 200)[int(half_apart)]) > LIMIT
    assert seen.mean() > 0.95 if found else seen.mean() < 0.05


@pytest.mark.parametrize("whole", [True, False], ids=["whole", "rounded up"])
@pytest.mark.parametrize("law", ["normal", "weight .3", "lognormal 1"])
@pytest.mark.parametrize("times", [2, 3, 4, 5, 6, 7, 8])
def test_a_call_that_repeats_its_noise_is_found(times: int, law: str, whole: bool) -> None:
    """2,048 rows of a part's noise, again and again. Measured: all of these, of lognormal 2 .26 for two times, .8 for four."""
    part = 2048 // times if whole else -(-2048 // times)
    few = LAWS[law](np.random.default_rng(18), (part, 50))
    rows = np.tile(few, (times + 1, 1))[:2048]
    seen = np.abs(np.array(correlation(rows)).reshape(-1, 50)).max(0) > LIMIT
    assert seen.all()


@pytest.mark.parametrize("rows", [1, 2, 3, 5, 7, 16, 17])
def test_few_rows_are_compared_within_their_number(rows: int) -> None:
    values = np.random.default_rng(19).normal(size=(rows, 2))
    assert all(0 < each < rows for each in distances(rows))
    assert len(correlation(values)) == 2 * len(distances(rows))


def test_constant_infinite_and_huge_rows_have_no_correlation() -> None:
    for value in (3.5, np.inf, np.nan):
        assert not any(correlation(np.full((100, 2), value)))
    assert not any(correlation(np.random.default_rng(0).normal(size=(100, 1)) * 1e200))
    assert not any(correlation(np.ones((1, 1))))


def test_rows_that_are_equal_but_for_single_rounding_depend_on_nothing() -> None:
    """Sums of another order at the end of a call are one place off in float32: 6e-8 of the level, the same way in all of it."""
    value = np.float32(1.7)
    places = np.stack([np.full(2048, value), np.full(2048, np.nextafter(value, np.float32(2)))], axis=1).astype(float)
    chunks = [places[:, [number]] for number in (0, 1, 0, 1)]
    mixed = [np.concatenate([each[:-1], chunks[1 - number % 2][-1:]]) for number, each in enumerate(chunks)]
    assert float(dispersion([Moments.from_rows(each) for each in mixed]).max()) == 0
    assert not any(correlation(np.concatenate(chunks)))


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("moved", [None, 0, 1, -1, 8])
def test_rows_of_the_next_seed_are_not_these_moved_on(law: str, moved: int | None) -> None:
    """Found where 64 rows tell; weights below .3 are zero in most of them. False alarms: 1e-10 at most for a pair of calls."""
    generator = np.random.default_rng(16)
    rows, fresh = LAWS[law](generator, (96, 1)), LAWS[law](generator, (64, 1))
    second = fresh if moved is None else rows[16 + moved : 80 + moved]
    tells = moved is not None and not law.startswith(("weight .0", "sparse"))
    assert repeated_lag(rows[16:80], second) == (-moved if moved is not None and tells else None)


def test_independent_calls_repeat_nothing() -> None:
    """800 pairs of calls of rows with two or nine values; nominal 5e-8 at most for all of them."""
    generator = np.random.default_rng(17)
    for share in (0.5, 0.1, 0.01):
        for _ in range(200):
            first, second = (generator.random((2, 64, 1)) < share).astype(float)
            assert repeated_lag(first, second) is None
    for _ in range(200):
        assert repeated_lag(*generator.integers(0, 3, size=(2, 64, 2)).astype(float)) is None


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


CHUNKS = (2048, 2048, 4096, 8192, 8192, 8192)
PLANNED = (2048, 2048, 4096, 8192, 16384, 32768, 65536, 65536, 65536)
"""The chunks of a quick cell with cheap rows."""


def spread(law: str, seed: int, copies: int = 200, shared: float = 0.0, chunks: tuple[int, ...] = CHUNKS) -> np.ndarray:
    """Dispersions ``[copies]`` of chunks whose rows have a correlation of ``shared`` by noise that a chunk's rows share."""
    generator = np.random.default_rng(seed)
    moments = []
    for rows in chunks:
        noise = np.sqrt(shared / (1 - shared)) * generator.normal(size=copies)
        moments.append(Moments.from_rows(LAWS[law](generator, (rows, copies)) + noise))
    return dispersion(moments)


@pytest.mark.parametrize("law", LAWS)
def test_independent_rows_have_no_dispersion(law: str) -> None:
    """Nominal 2e-10 for the 200 cells of six chunks.

    Measured over 2, 3, 6 and 22 chunks (4,000 cells, of more chunks 1,000): a limit at 1e-2 is passed by 1.2 % at most (normal,
    lognormal 1), one at 1e-3 by .2 %; by sparse and heavy-tailed rows (weights below .02, lognormal 2, Cauchy) far more seldom.
    """
    assert float(spread(law, 14).max()) < largest_dispersion(len(CHUNKS))


@pytest.mark.parametrize(("shared", "found"), [(1e-3, True), (2e-5, False)])
def test_power_on_shared_noise(shared: float, found: bool) -> None:
    """Twenty cells of nine chunks. A correlation of 1e-3 multiplies the variance of a mean of 65,536 rows by 66."""
    seen = spread("normal", 15, 20, shared, PLANNED) > largest_dispersion(len(PLANNED))
    assert seen.mean() > 0.9 if found else seen.mean() < 0.2


def test_constant_and_huge_chunks_have_no_dispersion() -> None:
    for value in (0.0, 3.5, 1e200):
        constant = [Moments.from_rows(np.full((100, 2), value * (1 + each * 1e-16))) for each in range(3)]
        assert (dispersion(constant) == 0).all()
    wide = [Moments.from_rows(1e200 * np.random.default_rng(each).normal(size=(100, 1))) for each in range(3)]
    assert (dispersion(wide) == 0).all()


def test_a_finding_names_repeated_rows_first_then_dependent_ones() -> None:
    rows = np.random.default_rng(20).normal(size=(2, 1024, 2))
    digests = [digest(chunk) for chunk in rows]
    assert find_dependence(digests, correlation(rows[1]), 1024) is None
    assert find_dependence([], [], 1024) is None
    twice = np.concatenate([rows[0], rows[0]])
    dependent = find_dependence(digests, correlation(twice), len(twice))
    assert dependent is not None
    assert (dependent.outcome, dependent.reason) == ("failed", "dependent rows")
    assert f"(limit {largest_correlation(2048):.3f})" in dependent.note
    repeated = find_dependence([*digests, digests[0]], correlation(twice), len(twice))
    assert repeated is not None
    assert (repeated.outcome, repeated.reason) == ("failed", "repeated rows")


def test_a_finding_of_shared_noise_needs_two_chunks() -> None:
    """Four chunks of 1,000 rows, moved by one standard deviation: the dispersion is a few hundred, its limit 18."""
    rows = np.random.default_rng(21).normal(size=(4, 1000, 1))
    alone = [Moments.from_rows(chunk) for chunk in rows]
    shared = [Moments.from_rows(chunk + noise) for chunk, noise in zip(rows, (0.0, 1.0, -1.0, 0.5), strict=True)]
    assert find_shared_noise(alone) is None
    assert find_shared_noise(shared[:1]) is None
    finding = find_shared_noise(shared)
    assert finding is not None
    assert (finding.outcome, finding.reason) == ("failed", "dependent rows")
    assert "the means of 4 chunks vary" in finding.note

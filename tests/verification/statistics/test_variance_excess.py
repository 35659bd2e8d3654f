"""Whether a variance is above a limit or a baseline: rates on sound laws, power, and what is refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from gradverify.verification.statistics.moments import Moments
from gradverify.verification.statistics.variance_excess import Looks, variance_above, variance_above_baseline

Rows = NDArray[np.float64]
Law = Callable[[np.random.Generator, tuple[int, ...]], Rows]

LAWS: dict[str, tuple[Law, float]] = {
    "normal": (lambda source, size: source.normal(size=size), 1.0),
    "exponential": (lambda source, size: source.exponential(size=size), 1.0),
    "weight": (lambda source, size: (source.random(size) < 0.05) / 0.05, 19.0),
    "two-valued": (lambda source, size: np.where(source.random(size) < 0.4, 1.0, 0.0), 0.24),
}
STAGE = 0.2
ALPHA = STAGE**2
RUNS = 250


def looks_at(draw: Callable[[np.random.Generator], tuple[Rows, ...]], seed: int, sizes: int = 1) -> Looks:
    """Rows of a law, other ones in each stage, `sizes` times as many as the law gives."""

    def looks(stage: str) -> Iterator[tuple[Moments, ...]]:
        source = np.random.default_rng([seed, len(stage)])
        parts = draw(source)
        seen = tuple(Moments.empty(each.shape[1]) for each in parts)
        for k in range(sizes):
            drawn = parts if k == 0 else draw(source)
            seen = tuple(a.merge(Moments.from_rows(b, first_row=a.count)) for a, b in zip(seen, drawn, strict=True))
            yield seen

    return looks


def alarms(draw: Callable[[np.random.Generator], tuple[Rows, ...]], limit: float | None = None, *, again: bool = False) -> int:
    """Runs of `RUNS` that report an excess; with `again` the second stage is shown the first one's rows."""
    found = 0
    for seed in range(RUNS):
        looks = looks_at(draw, seed)
        shown: Looks = (lambda stage, looks=looks: looks("once")) if again else looks  # type: ignore[misc]
        judged = (
            variance_above_baseline(shown, margin=0.0, alpha=ALPHA)
            if limit is None
            else variance_above(shown, limit, alpha=ALPHA)
        )
        found += judged.outcome == "above"
    return found


# A rate of 0.04 gives more than 32 of 250 with probability 1e-9; a rate of 0.2, as one stage has, hardly ever as few.
MOST = int(stats.binom.isf(1e-9, RUNS, ALPHA))


@pytest.mark.parametrize("name", LAWS)
def test_a_variance_at_its_limit_raises_few_alarms(name: str) -> None:
    """False-fail rate 1e-9 each."""
    law, variance = LAWS[name]
    assert alarms(lambda source: (law(source, (1500, 1)),), variance) <= MOST


def test_many_coordinates_share_the_rate() -> None:
    """False-fail rate 1e-9; without the division by twenty the first stage would always alarm and a fifth be confirmed."""
    law, variance = LAWS["normal"]
    assert alarms(lambda source: (law(source, (400, 20)),), variance) <= MOST


@pytest.mark.parametrize("pair", [("normal", "normal"), ("exponential", "normal"), ("normal", "weight")], ids="/".join)
def test_a_variance_equal_to_its_baselines_raises_few_alarms(pair: tuple[str, str]) -> None:
    """False-fail rate 1e-9 each."""
    (mine, a), (other, b) = (LAWS[each] for each in pair)
    size = (1500, 1)
    assert alarms(lambda source: (mine(source, size) / a**0.5, other(source, size) / b**0.5)) <= MOST


def test_this_test_sees_stages_that_share_their_rows() -> None:
    """Planted: the second stage confirms the first on the same rows. False-fail rate below 1e-3, from a rate of 0.2."""
    law, variance = LAWS["normal"]
    assert alarms(lambda source: (law(source, (1500, 1)),), variance, again=True) > MOST


def test_an_excess_is_found_at_the_detectable_size() -> None:
    """Power 0.9 at the size announced: fewer than 45 of 60 with probability 2e-4; the seeds are fixed."""
    law, variance = LAWS["exponential"]

    def draw(source: np.random.Generator) -> tuple[Rows, ...]:
        return (law(source, (4000, 1)),)

    announced = variance_above(looks_at(draw, 0), 2 * variance, alpha=1e-6).detectable
    limit = variance / announced
    found = [variance_above(looks_at(draw, seed), limit, alpha=1e-6).outcome for seed in range(60)]
    assert found.count("above") >= 45


def test_the_announced_size_is_the_formulas() -> None:
    """The detectable ratio is exp((q + u) sqrt(8 / n)) for exponential rows: q of one stage's rate, u of a power of 0.95.

    The rows' kurtosis sets the error of the logarithm, a sixteenth of sqrt(8064 / n) of it (its delta-method standard error,
    from the central moments up to the eighth). False-fail rate 9.6e-7; an exponent that is off by 6.2 % fails with probability
    97.5 %: a normal quantile in place of Student's makes 6.1 %, one stage's power of 0.9 makes 7.2 %.
    """
    law, variance = LAWS["exponential"]
    rows = 400_000
    announced = variance_above(looks_at(lambda source: (law(source, (rows, 1)),), 0), 2 * variance, alpha=1e-6).detectable
    exponent = (stats.t(29).isf(1e-3) + stats.norm.isf(0.05)) * np.sqrt(8 / rows)
    assert abs(np.log(announced) / exponent - 1) < 4.9 * np.sqrt(8064 / rows) / 16


def test_common_random_numbers_tell_close_variances_apart() -> None:
    """Two per cent in standard deviation, told from equal without error because the rows are one multiple of the other."""

    def draw(source: np.random.Generator) -> tuple[Rows, ...]:
        rows = source.normal(size=(1000, 2)) * [1.0, 3.0]
        return 1.02 * rows, rows

    found = variance_above_baseline(looks_at(draw, 0), margin=0.0, alpha=1e-6)
    assert (found.outcome, found.confirmed, found.num_samples) == ("above", True, 2000)
    assert found.ratio == pytest.approx(1.02**2)
    assert found.ratio_interval == pytest.approx((1.02**2, 1.02**2))
    assert variance_above_baseline(looks_at(draw, 0), margin=0.2, alpha=1e-6).outcome == "within"


def test_cost_multiplies_the_ratio() -> None:
    rows = np.random.default_rng(0).normal(size=(3000, 1))
    looks = looks_at(lambda source: (rows, rows[::-1]), 0)
    found = variance_above_baseline(looks, margin=0.1, alpha=1e-6, cost_ratio=3.0)
    assert found.outcome == "above"
    assert found.ratio == pytest.approx(3.0, rel=1e-9)
    assert variance_above_baseline(looks, margin=0.1, alpha=1e-6, cost_ratio=0.5).outcome == "within"


def test_the_widest_coordinates_are_compared() -> None:
    def draw(source: np.random.Generator) -> tuple[Rows, ...]:
        return source.normal(size=(600, 3)) * [1.0, 4.0, 1.0], source.normal(size=(600, 3)) * [4.2, 1.0, 1.0]

    assert variance_above_baseline(looks_at(draw, 0), margin=0.1, alpha=1e-6).outcome == "within"
    swapped = variance_above_baseline(looks_at(lambda source: draw(source)[::-1], 0), margin=0.0, alpha=0.1)
    assert swapped.coordinate == 0


def test_constant_rows() -> None:
    still, moving = np.full((1000, 1), 3.0), np.random.default_rng(0).normal(size=(1000, 1))
    assert variance_above(looks_at(lambda source: (still,), 0), 0.0, alpha=1e-6).outcome == "within"
    assert variance_above(looks_at(lambda source: (moving,), 0), 0.0, alpha=1e-6).outcome == "above"
    assert variance_above_baseline(looks_at(lambda source: (still, moving), 0), margin=0, alpha=1e-6).outcome == "within"
    assert variance_above_baseline(looks_at(lambda source: (still, still), 0), margin=0, alpha=1e-6).outcome == "within"
    assert variance_above_baseline(looks_at(lambda source: (moving, still), 0), margin=0, alpha=1e-6).outcome == "above"


def test_constant_rows_prove_nothing_where_a_rare_event_was_due() -> None:
    still = looks_at(lambda source: (np.full((100, 1), 3.0),), 0)
    found = variance_above(still, 1.0, alpha=1e-6, rarest=0.01)
    assert (found.outcome, found.reason) == ("inconclusive", "gate")
    assert (
        variance_above(looks_at(lambda source: (np.full((100, 1), 3.0),), 0, sizes=10), 1.0, alpha=1e-6, rarest=0.01).outcome
        == "within"
    )


def test_a_tail_that_was_not_seen_supports_nothing() -> None:
    """A sample variance below the limit says little where the true one is infinite."""

    def heavy(source: np.random.Generator) -> tuple[Rows, ...]:
        return (source.pareto(1.5, size=(2000, 1)),)

    found = variance_above(looks_at(heavy, 0, sizes=3), 1e9, alpha=1e-6)
    assert (found.outcome, found.reason, found.num_samples) == ("inconclusive", "tail", 6000)


@pytest.mark.parametrize("still", [False, True])
def test_an_event_that_was_seen_once_a_stage_accuses_nobody(still: bool) -> None:
    """It makes the sample variance 33 times the true one, in both stages with probability 9e-4 where 1e-6 was asked.

    The normal rows' own variance is a thousandth of the limit, so that nothing but the event could be above it.
    """

    def draw(source: np.random.Generator) -> tuple[Rows, ...]:
        rows, quiet = source.normal(size=(2, 10_000, 1))
        rows[source.integers(len(rows))] = 1e4
        return rows, 0 * quiet if still else quiet

    chance = 0.03 / 10_000
    for seed in range(5):
        found = variance_above(looks_at(lambda source: draw(source)[:1], seed), chance * 1e8, alpha=1e-6)
        assert (found.outcome, found.reason, found.confirmed) == ("inconclusive", "tail", True)
        assert found.ratio > 10
        against = variance_above_baseline(looks_at(draw, seed), margin=0.1, alpha=1e-6)
        assert against.outcome in ("inconclusive", "within")


def test_any_variation_is_above_zero() -> None:
    """Proven by one row, however little of a tail it shows."""
    rows = np.where(np.arange(5000) == 7, 1.0, 3.0)[:, None]
    assert variance_above(looks_at(lambda source: (rows,), 0), 0.0, alpha=1e-6).outcome == "above"


def test_a_baseline_whose_tail_was_not_seen_accuses_nobody() -> None:
    """Its sample variance is far too small, so that everything looks worse; 20 seeds, none accused, most refused."""

    def draw(source: np.random.Generator) -> tuple[Rows, ...]:
        true = np.exp(9) * (np.exp(9) - 1)
        return source.normal(size=(2000, 1)), source.lognormal(0, 3, size=(2000, 1)) / true**0.5

    found = [variance_above_baseline(looks_at(draw, seed), margin=0.1, alpha=1e-6) for seed in range(20)]
    assert {each.outcome for each in found} <= {"inconclusive", "within"}
    assert sum(each.reason == "tail" for each in found) >= 10


@pytest.mark.parametrize("stage", ["variance screen", "variance confirm"])
def test_a_row_that_is_not_finite_fails(stage: str) -> None:
    def looks(asked: str) -> Iterator[tuple[Moments, ...]]:
        rows = np.random.default_rng(0).normal(size=(500, 1))
        rows[7] = np.nan if asked == stage else rows[7]
        yield (Moments.from_rows(rows),)

    found = variance_above(looks, 0.01, alpha=1e-6)
    assert (found.outcome, found.reason) == ("failed", "not finite")

"""The state machine of a cell: false alarms, power, equivalence, gates, degenerate rows, and the record's numbers."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from gradverify.verification.statistics.bias import BiasTest, scales
from gradverify.verification.statistics.moments import Moments

from .simulated_cells import Draw, a_plan, decide, normal

NULLS: dict[str, Callable[[np.random.Generator, int], np.ndarray]] = {
    "normal": lambda g, n: g.normal(size=n),
    "lognormal": lambda g, n: g.lognormal(size=n) - math.exp(0.5),
    "weight .01": lambda g, n: (g.random(n) < 0.01) / 0.01 - 1,
    "t3": lambda g, n: g.standard_t(3, size=n),
    "pareto 2.5": lambda g, n: g.pareto(2.5, size=n) - 1 / 1.5,
}


def law(name: str, seed: int) -> Draw:
    generator = np.random.default_rng(seed)
    return lambda n: NULLS[name](generator, n)[:, None]


@pytest.mark.parametrize(
    ("name", "max_rows", "least_open"),
    [
        ("normal", 8000, 246),
        ("lognormal", 30_000, 80),
        ("weight .01", 8000, 200),
        ("t3", 20_000, 50),
        ("pareto 2.5", 20_000, 0),
    ],
)
def test_false_alarms(name: str, max_rows: int, least_open: int) -> None:
    """alpha .05, 246 cells that cannot be accepted: more than 18 alarms accuse a sound test 5 % of the time at most,
    and find a doubled rate 90 % of the time. Both stages must err, so the rate is far below. Heavy tails keep many
    cells closed, which is their safeguard; ``least_open`` says that the others were really asked."""
    plan = a_plan(alpha=0.05, r_target=1e-6, r_accept=1e-6, max_rows=max_rows, p_gate=0.01)
    verdicts = [decide(plan, law(name, seed)) for seed in range(246)]
    assert sum(verdict.outcome == "biased" for verdict in verdicts) <= 18
    assert sum(verdict.outcome == "unbiased" for verdict in verdicts) == 0
    assert sum(verdict.reason != "tail" for verdict in verdicts) >= least_open


def test_false_alarms_of_a_vector_cell() -> None:
    """As above with four correlated coordinates, six further channels sharing the error rate."""
    mix = np.random.default_rng(1).normal(size=(4, 4))
    plan = a_plan(4, alpha=0.05, r_target=1e-6, r_accept=1e-6, max_rows=4000)
    outcomes = []
    for seed in range(246):
        draw = normal(seed, 4)
        outcomes.append(decide(plan, lambda n, draw=draw: draw(n) @ mix).outcome)
    assert outcomes.count("biased") <= 18


def test_one_stage_without_a_sequence_would_alarm_too_often() -> None:
    """The planted bug: a z-test of .05 at every look. 18 of 246 is exceeded at once."""
    plan = a_plan(max_rows=8000)
    crossed = 0
    for seed in range(246):
        rows = normal(seed)(8000)[:, 0]
        crossed += any(abs(rows[:n].mean()) * math.sqrt(n) > 1.96 * rows[:n].std() for n in plan.planned_rows("screen"))
    assert crossed > 18


@pytest.mark.parametrize("seed", range(5))
def test_infinite_variance_is_refused(seed: int) -> None:
    generator = np.random.default_rng(seed)
    verdict = decide(a_plan(max_rows=30_000), lambda n: generator.pareto(1.5, size=(n, 1)) - 2)
    assert (verdict.outcome, verdict.reason) == ("inconclusive", "tail")
    assert verdict.detectable == math.inf
    assert verdict.rows_needed is None


def test_a_constant_with_a_rare_jump_is_refused() -> None:
    """Mean zero: -1 but for one row in 2,000. Of 40 cells, none may call it biased: either kind of wrong verdict needs
    12,000 rows without a jump, which has probability .003 a cell (.11 in all; the seed is fixed)."""
    for seed in range(40):
        generator = np.random.default_rng(seed)
        verdict = decide(a_plan(), lambda n, g=generator: ((g.random((n, 1)) < 5e-4) / 5e-4) - 1)
        assert verdict.outcome == "inconclusive"


def test_a_sound_easy_cell_ends_at_the_first_look() -> None:
    verdict = decide(a_plan(), normal(0, sigma=0.3))
    assert (verdict.outcome, verdict.reason, verdict.num_samples) == ("unbiased", "", 1000)
    assert verdict.r is not None
    assert verdict.r <= 0.05
    assert verdict.tau == pytest.approx(0.05)


def test_a_large_bias_ends_after_two_thousand_rows() -> None:
    verdict = decide(a_plan(), normal(0, bias=-1.0))
    assert (verdict.outcome, verdict.material, verdict.stage) == ("biased", "material", "confirm")
    assert verdict.num_samples == 2000
    assert verdict.interval is not None
    assert verdict.interval[1] < -0.1
    assert [entry["stage"] for entry in verdict.looks] == ["screen", "confirm"]


def test_the_detectable_bias_is_found_with_the_predicted_power() -> None:
    """60 cells at the bias that an unbiased cell calls detectable: both stages see it in 58 of 60 or so.

    The screen's power is .9 at its last look alone and larger over all looks; the confirm stage has four times the
    rows. Fewer than 46 of 60 at a power of .9 has probability 7e-4.
    """
    plan = a_plan(r_target=1e-3, r_accept=1e-3, max_rows=5000)
    bias = decide(plan, normal(99)).detectable
    assert bias is not None
    outcomes = [decide(plan, normal(seed, bias=bias)).outcome for seed in range(60)]
    assert outcomes.count("biased") >= 46


def test_a_bias_at_the_tolerance_is_rarely_accepted() -> None:
    """300 cells with the bias at r_accept: at a rate of .05 more than 25 accept with probability 5e-3."""
    plan = a_plan(r_target=0.1, r_accept=0.1, max_rows=8000)
    verdicts = [decide(plan, normal(seed, bias=0.1)) for seed in range(300)]
    assert sum(verdict.outcome == "unbiased" for verdict in verdicts) <= 25
    # At the boundary neither is the bias material, at the confirm stage's rate of .03: above 19 has probability 1.6e-3.
    assert sum(verdict.material == "material" for verdict in verdicts) <= 19


def test_a_small_true_bias_is_biased_but_negligible() -> None:
    verdict = decide(a_plan(r_target=0.02, max_rows=100_000), normal(3, bias=0.03, sigma=0.3))
    assert (verdict.outcome, verdict.material) == ("biased", "negligible")


def test_a_bias_of_unknown_size_stays_undetermined() -> None:
    verdict = decide(a_plan(max_rows=4000, r_accept=0.1), normal(1, bias=0.12, sigma=1.0))
    assert (verdict.outcome, verdict.material) == ("biased", "undetermined")


def test_confirm_clears_a_false_alarm() -> None:
    """The screen sees a shifted sample, the fresh rows do not: no bias, and the alarm is told."""
    verdict = decide(a_plan(), normal(0, bias=0.3), confirm=normal(1))
    assert (verdict.outcome, verdict.reason, verdict.stage) == ("unbiased", "alarm not confirmed", "confirm")
    assert verdict.num_samples == 21_000


def test_confirm_listens_to_the_flagged_sign_only() -> None:
    verdict = decide(a_plan(), normal(0, bias=0.3), confirm=normal(1, bias=-0.3))
    assert (verdict.outcome, verdict.reason) == ("inconclusive", "suspect")


def test_confirm_listens_to_the_flagged_channel_only() -> None:
    shifted, clean = np.array([0.3, 0.0]), normal(1, 2)
    verdict = decide(
        a_plan(2, directions=None), lambda n: normal(0, 2)(n) + shifted, confirm=lambda n: clean(n) + shifted[::-1]
    )
    assert (verdict.outcome, verdict.channel) == ("inconclusive", "coordinate 0")


def test_an_alarm_without_decision_is_suspect() -> None:
    plan = a_plan(r_target=0.01, r_accept=0.02)
    verdict = decide(plan, normal(0, bias=0.3), confirm=normal(1))
    assert (verdict.outcome, verdict.reason) == ("inconclusive", "suspect")


def test_the_budget_ends_with_what_would_decide() -> None:
    verdict = decide(a_plan(r_target=0.005, r_accept=0.01, max_rows=3000), normal(0))
    assert (verdict.outcome, verdict.reason) == ("inconclusive", "budget")
    assert verdict.rows_needed is not None
    more = decide(a_plan(r_target=0.01, r_accept=0.01, max_rows=verdict.rows_needed), normal(0))
    assert more.outcome == "unbiased"


def test_accepted_at_the_wider_tolerance_when_rows_run_out() -> None:
    verdict = decide(a_plan(r_target=0.01, r_accept=0.1, max_rows=5000), normal(0))
    assert verdict.outcome == "unbiased"
    assert verdict.tau == pytest.approx(0.1)
    assert verdict.r is not None
    assert 0.01 < verdict.r <= 0.1


@pytest.mark.parametrize("size", [1, 3])
def test_exact_constant_rows_are_unbiased(size: int) -> None:
    verdict = decide(a_plan(size), lambda n: np.zeros((n, size)))
    assert (verdict.outcome, verdict.reason) == ("unbiased", "deterministic")
    assert verdict.interval == (0.0, 0.0)


def test_exact_zero_rows_where_the_gradient_is_not_zero() -> None:
    """Straight-through on a step function: every row is the truth short."""
    verdict = decide(a_plan(), lambda n: np.full((n, 1), -1.0))
    assert (verdict.outcome, verdict.reason, verdict.material) == ("biased", "deterministic", "material")
    assert verdict.relative == -1.0
    # A tolerance is for what sampling leaves open; single precision's rounding is no bias to speak of.
    assert decide(a_plan(), lambda n: np.full((n, 1), 0.01)).material == "material"
    assert decide(a_plan(), lambda n: np.full((n, 1), 1e-6)).material == "negligible"


def test_declared_determinism_needs_two_rows_whatever_the_rare_outcomes() -> None:
    plan = a_plan(deterministic_rows=True, p_gate=1e-9)
    assert decide(plan, lambda n: np.zeros((n, 1))).num_samples == 2
    assert decide(plan, lambda n: np.full((n, 1), 0.5)).outcome == "biased"


def test_too_few_rows_for_a_constant() -> None:
    verdict = decide(a_plan(max_rows=5000, p_gate=0.01), lambda n: np.zeros((n, 1)))
    assert (verdict.outcome, verdict.reason) == ("inconclusive", "gate")
    assert verdict.rows_needed == a_plan(p_gate=0.01).rows_if_constant


def test_rounding_is_no_bias() -> None:
    generator = np.random.default_rng(0)
    verdict = decide(a_plan(), lambda n: generator.uniform(-1e-13, 1e-13, size=(n, 1)))
    assert (verdict.outcome, verdict.reason) == ("unbiased", "deterministic")


def test_a_zero_gradient_needs_a_floor() -> None:
    with_floor = a_plan(truth=[0.0], scale=scales([0.0], 0.5))
    assert decide(with_floor, normal(0)).outcome == "unbiased"
    without = a_plan(truth=[0.0], scale=scales([0.0]), max_rows=3000)
    assert decide(without, normal(0)).reason == "degenerate"
    assert decide(without, normal(0, bias=0.5)).outcome == "biased"
    assert decide(without, lambda n: np.zeros((n, 1))).outcome == "inconclusive"
    assert decide(a_plan(truth=[0.0], scale=[0.0]), lambda n: np.zeros((n, 1))).outcome == "unbiased"


def test_rare_outcomes_end_the_cell_before_it_starts() -> None:
    test = BiasTest(a_plan(p_gate=1e-4, max_rows=20_000))
    assert test.verdict is not None
    assert (test.verdict.outcome, test.verdict.reason) == ("inconclusive", "gate")
    assert (test.verdict.rows_needed, test.verdict.num_samples) == (100_000, 0)


def rare_category(seed: int) -> Draw:
    """The logit gradient (1{z} - p) f of a category of probability 1e-3, in units of p: sound, and -f without a sighting."""
    generator, p = np.random.default_rng(seed), 1e-3

    def draw(n: int) -> np.ndarray:
        seen = generator.random((n, 1)) < p
        return (seen - p) / p * generator.normal(1, 0.3, size=(n, 1))

    return draw


def test_the_gate_holds_a_rare_outcome_back() -> None:
    """The planted bug is the missing gate: both stages without a sighting in 1,000 rows, probability .14. Fewer than 5 of
    100 such cells are called biased with probability 2e-3."""
    fields: dict[str, Any] = {"max_rows": 12_000, "r_target": 0.2, "r_accept": 0.5}
    gated = [decide(a_plan(p_gate=1e-3, **fields), rare_category(seed)).outcome for seed in range(100)]
    assert gated.count("biased") == 0
    ungated = [decide(a_plan(**fields), rare_category(seed)).outcome for seed in range(100)]
    assert ungated.count("biased") >= 5


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_one_non_finite_row_ends_the_cell(bad: float) -> None:
    def draw(n: int) -> np.ndarray:
        rows = normal(0, 2)(n)
        rows[n // 2, 1] = bad
        return rows

    verdict = decide(a_plan(2), draw)
    assert (verdict.outcome, verdict.reason, verdict.num_samples) == ("failed", "non-finite", 1000)
    assert "1 of 1000 rows" in verdict.note


def test_a_degenerate_coordinate_does_not_hold_up_an_alarm_elsewhere() -> None:
    generator = np.random.default_rng(0)

    def draw(n: int) -> np.ndarray:
        return np.stack([generator.pareto(1.2, size=n) - 5, generator.normal(0.5, 1, size=n)], axis=1)

    verdict = decide(a_plan(2), draw)
    assert (verdict.outcome, verdict.channel, verdict.num_samples) == ("biased", "coordinate 1", 2000)


def test_the_gain_finds_a_scale_error_that_no_coordinate_shows() -> None:
    """Error 4 % of 64 equal coordinates, 12 standard errors along the gradient, 1.5 in each coordinate."""
    size = 64
    plan = a_plan(size, max_rows=1500, directions=None)
    verdict = decide(plan, normal(0, size, bias=0.04))
    assert (verdict.outcome, verdict.channel) == ("biased", "gain")
    assert verdict.relative == pytest.approx(0.04, abs=0.01)


def test_reference_error_widens_both_decisions() -> None:
    assert decide(a_plan(), normal(0, bias=0.06, sigma=0.3)).outcome == "biased"
    wide = a_plan(reference_bias=0.08, max_rows=10_000)
    verdict = decide(wide, normal(0, bias=0.06, sigma=0.3))
    assert verdict.outcome == "inconclusive"
    assert decide(wide, normal(0, bias=0.5, sigma=0.3)).outcome == "biased"
    assert decide(a_plan(reference_bias=0.2, max_rows=2000), normal(0)).reason == "reference"


def test_a_reference_that_rests_on_an_assumption_refutes_but_never_supports() -> None:
    plan = a_plan(reference_supports=False)
    verdict = decide(plan, normal(0, sigma=0.3))
    assert (verdict.outcome, verdict.reason, verdict.num_samples) == ("inconclusive", "reference", 1000)
    assert decide(plan, normal(0, bias=0.5)).outcome == "biased"
    # Nor does a bias that is seen support what none cannot.
    small = normal(0, bias=0.05, sigma=0.1)
    assert decide(a_plan(), small).material == "negligible"
    assert decide(plan, small).material == "undetermined"


def test_closing_early() -> None:
    untouched = BiasTest(a_plan())
    untouched.end("budget")
    assert untouched.verdict is not None
    assert (untouched.verdict.outcome, untouched.verdict.estimate) == ("inconclusive", None)

    begun = BiasTest(a_plan(r_target=0.01, r_accept=0.02))
    begun.update(Moments.from_rows(normal(0)(1000)))
    assert begun.next_look == 1250
    begun.end("budget")
    assert begun.verdict is not None
    assert (begun.verdict.outcome, begun.verdict.reason) == ("inconclusive", "budget")
    assert begun.verdict.rows_needed == begun.forecast

    alarmed = BiasTest(a_plan())
    alarmed.update(Moments.from_rows(normal(0, bias=0.5)(1000)))
    assert (alarmed.stage, alarmed.next_look) == ("confirm", 1000)
    alarmed.end("interrupted")
    assert alarmed.verdict is not None
    assert (alarmed.verdict.outcome, alarmed.verdict.reason) == ("inconclusive", "interrupted")
    assert "not yet confirmed" in alarmed.verdict.note

    fired = BiasTest(a_plan(r_accept=0.3, max_rows=4000))
    for _ in range(2):
        fired.update(Moments.from_rows(normal(5, bias=0.3)(1000)))
    fired.end()
    assert fired.verdict is not None
    assert (fired.verdict.outcome, fired.verdict.material) == ("biased", "undetermined")


def test_chunks_may_overshoot_a_look() -> None:
    test = BiasTest(a_plan(r_target=0.01, r_accept=0.02))
    test.update(Moments.from_rows(normal(0)(4096)))
    assert test.next_look == 4769


def test_misuse_is_named() -> None:
    test = BiasTest(a_plan(2))
    with pytest.raises(ValueError, match=r"plan\.channels\.project"):
        test.update(Moments.from_rows(np.zeros((1000, 2))))
    with pytest.raises(ValueError, match="expected 1000"):
        test.update(Moments.from_rows(np.zeros((10, 6))))
    test.end()
    with pytest.raises(ValueError, match="decided"):
        test.update(Moments.from_rows(np.zeros((1000, 6))))


def test_same_rows_same_verdict_whatever_the_number_of_workers() -> None:
    rows = normal(0)(5000)
    parts = [Moments.from_rows(rows[low : low + 500], first_row=low) for low in range(0, 5000, 500)]
    verdicts = []
    for order in (range(10), reversed(range(10))):
        done = {index: parts[index] for index in order}
        test, moments = BiasTest(a_plan(max_rows=5000, r_target=0.1)), Moments.empty(1)
        for index in range(10):
            moments = moments.merge(done[index])
            if test.verdict is None and moments.count >= test.next_look:
                test.update(moments)
        verdicts.append(test.verdict)
    assert verdicts[0] == verdicts[1]

"""Comparing two records: what is planted is found, what is not planted is not, and what cannot be compared is refused."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise, permutations
from math import inf, sqrt

import jsonschema
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from gradverify.estimators import LeaveOneOut, Program
from gradverify.verification import verify
from gradverify.verification.comparison.change import Change
from gradverify.verification.comparison.compare import Comparison, compare
from gradverify.verification.record.record import Record, schema

from .simulated_records import LAWS, Law, changed, ended, family, found, one, record, simulated


def test_a_record_is_equal_to_itself() -> None:
    comparison = compare(one(), one())
    assert (comparison.exit_status, comparison.num_identical, comparison.num_tests) == (0, 1, 0)
    assert comparison.changes == comparison.sensitivities == ()


def test_200_null_comparisons_stay_quiet() -> None:
    """Of five laws at .05: at most .05 of the comparisons may be wrong, and more than 19 of 200 are with probability 3e-3.

    The margin makes them far rarer (2 of 1,500 at .1); without it the rate is used: 69 of 1,500 at .1 with ``same``.
    """
    records = [record([simulated(name, law, seed) for name, law in LAWS.items()], seed=seed) for seed in range(201)]
    compared = [compare(base, head, alpha=0.05) for base, head in pairwise(records)]
    assert {each.num_tests for each in compared} == {10}
    assert Counter(each.exit_status for each in compared) == {0: 200}
    alike = [compare(base, head, alpha=0.05, same=True) for base, head in pairwise(records)]
    assert sum(each.exit_status == 1 for each in alike) <= 19


def test_a_ten_per_cent_variance_regression_is_found_with_the_rows_that_were_said_to_be_needed() -> None:
    """Power .9 at the 42,000 rows that the comparison of 4,096 asks for: fewer than 13 of 20 with probability 4e-4."""
    small = compare(one(0), one(1, factor=sqrt(1.1)))
    assert small.changes == ()
    (seen,) = small.sensitivities
    assert seen.rows_needed is not None
    assert 40_000 < seen.rows_needed < 44_000
    assert seen.detectable > 0.2
    rows = int(seen.rows_needed)
    large = [compare(one(2 * k, rows=rows), one(2 * k + 1, rows=rows, factor=sqrt(1.1))) for k in range(20)]
    assert sum(found(each) == {("variance", "worse")} for each in large) >= 13
    assert {each.exit_status for each in large} <= {0, 1}


def test_the_same_random_numbers_find_it_in_a_tenth_of_the_rows() -> None:
    base, head = one(3), replace(one(3, factor=sqrt(1.1)), run=one(3).run)
    comparison = compare(base, head)
    (worse,) = [each for each in comparison.changes if not each.advisory]
    assert (worse.quantity, worse.direction, worse.method, worse.p_value) == ("variance", "worse", "paired", 0.0)
    assert worse.effect == pytest.approx(0.1)
    assert comparison.exit_status == 1
    # The same rows under another seed are not paired, and 4,096 of them are too few.
    assert compare(base, replace(head, run=replace(head.run, seed=4))).exit_status == 0


@dataclass(frozen=True)
class Scaled:
    factor: float

    def __call__(self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
        return self.factor * LeaveOneOut()(program, params, num_samples, generator)


def test_a_bias_that_has_grown_is_worse_below_the_tolerance_too() -> None:
    """All gradients shrink by 8 %, at a tolerance of 10 %; with another seed alone, nothing is worse."""
    problems = ["bits:2/cubic", "random_walk:10/square/theta"]
    base, shrunk, again = (
        verify({"it": Scaled(factor)}, problems, workers=0, seed=seed) for factor, seed in ((1.0, 0), (0.92, 1), (1.0, 1))
    )
    worse = compare(base, shrunk)
    assert worse.exit_status == 1
    assert {each.problem for each in worse.changes if each.quantity == "bias"} == {each.problem for each in base.cells}
    assert all(abs(each.effect) == pytest.approx(0.08, abs=0.02) for each in worse.changes if each.quantity == "bias")
    assert compare(base, again).exit_status == 0


def test_a_pair_that_shares_most_of_its_noise_is_tested_by_the_jackknife() -> None:
    """The change is 25 standard errors beyond the margin if paired, and 2.5 if not."""

    def law(own: float, noise: float) -> Law:
        return lambda generator, rows: 5 * generator.normal(size=(rows, 2)) @ [own, noise]

    base, head = (record([simulated("mine", each, 5)], seed=5) for each in (law(1.0, 0.0), law(1.06, 0.1)))
    (worse,) = [each for each in compare(base, head).changes if each.quantity == "variance"]
    assert worse.method == "paired"
    assert worse.interval is not None
    assert worse.interval[0] < 1.06**2 + 0.1**2 - 1 < worse.interval[1]
    assert compare(base, replace(head, run=replace(head.run, seed=6))).exit_status == 0


def test_pairs_that_share_nothing_keep_the_rate() -> None:
    """Same seed in the heads, other rows: 200 nulls at .05; more than 19 wrong have probability 3e-3."""
    bases, heads = ([record([simulated("mine", LAWS["bit"], seed, rows=30_000)]) for seed in range(k, 400, 2)] for k in (0, 1))
    compared = [compare(base, head, alpha=0.05, same=True) for base, head in zip(bases, heads, strict=True)]
    assert sum(each.exit_status == 1 for each in compared) <= 19


def test_a_record_without_jackknife_groups_is_compared_unpaired() -> None:
    base = changed(one(3), "variance", leave_one_out=None)
    head = replace(one(3, factor=1.3), run=base.run)
    (worse,) = [each for each in compare(base, head).changes if each.quantity == "variance"]
    assert worse.method == "unpaired"


def test_a_change_within_the_margin_is_none_however_clear() -> None:
    base, head = one(3), replace(one(3, factor=1.02), run=one(3).run)
    assert compare(base, head).changes == ()
    assert found(compare(base, head, margin=0.02)) == {("variance", "worse")}
    assert found(compare(base, head, same=True)) == {("variance", "different")}


def test_a_smaller_variance_is_better_and_passes() -> None:
    comparison = compare(one(0), one(1, factor=0.6))
    assert found(comparison) == {("variance", "better")}
    assert comparison.exit_status == 0


def test_a_material_bias_is_worse_as_verdict_and_as_number() -> None:
    comparison = compare(one(0), one(1, bias=2.1))
    assert {("verdict", "worse"), ("bias", "worse")} <= found(comparison)
    moved = next(each for each in comparison.changes if each.quantity == "bias")
    assert moved.effect is not None
    assert moved.interval is not None
    assert moved.interval[0] < 0.3 < moved.interval[1]
    assert (comparison.exit_status, compare(one(1, bias=2.1), one(0)).exit_status) == (1, 0)


def test_a_declared_bias_that_grows_is_worse_without_a_change_of_verdict() -> None:
    comparison = compare(one(0, bias=1.4), one(1, bias=4.2))
    assert found(comparison) == {("bias", "worse")}
    assert found(compare(one(0, bias=4.2), one(1, bias=1.4))) == {("bias", "better")}


def test_a_variance_that_can_no_longer_be_believed_is_lost() -> None:
    comparison = compare(one(), changed(one(), "variance", measurable=False, kurtosis=500.0))
    assert found(comparison) == {("variance", "lost")}
    assert comparison.exit_status == 3


def test_two_variances_that_cannot_be_believed_are_not_compared() -> None:
    base, head = (changed(one(seed, factor=factor), "variance", measurable=False) for seed, factor in ((0, 1.0), (1, 3.0)))
    assert not [each for each in compare(base, head).changes if each.quantity == "variance"]


def test_an_event_that_one_record_met_and_the_other_did_not_is_no_regression() -> None:
    """870 null comparisons at 1e-6 are all quiet but with probability 9e-4; the worst that is lost is exit status 3.

    Where one believed tail was enough, heads that met the event some times were worse, with p-values down to 1e-20.
    """

    def law(generator: np.random.Generator, rows: int) -> NDArray[np.float64]:
        met = generator.random(rows) < 5e-5
        return 5 * generator.normal(size=rows) + np.where(met, generator.choice([-5_000.0, 5_000.0], size=rows), 0.0)

    records = [record([simulated("mine", law, seed, rows=30_000)], seed=seed) for seed in range(30)]
    compared = [compare(base, head, alpha=1e-6) for base, head in permutations(records, 2)]
    assert {each.exit_status for each in compared} == {0, 3}


def test_constant_rows_that_meet_an_event_later_are_lost_and_not_worse() -> None:
    still = changed(one(), "variance", estimate=0.0, interval=(0.0, 0.0), measurable=False)
    met = changed(one(), "variance", estimate=192.0, kurtosis=2048.0, measurable=False)
    assert (found(compare(still, met)), compare(still, met).exit_status) == ({("variance", "lost")}, 3)
    assert compare(met, still).exit_status == 0


def test_a_truncated_record_of_rows_that_were_all_alike_is_no_regression() -> None:
    """An event of 4e-4 that 2,000 rows miss, written and read: no interval was given, and none is assumed."""

    def zeros(generator: np.random.Generator, rows: int) -> NDArray[np.float64]:
        return np.full(rows, -7.0)

    head = one(1)
    (entry, *others) = head.cells[0].checks[0].details["channels"]
    unseen = {**entry, "estimate": -7.0, "sigma": 0.0, "open": False, "interval": (-inf, inf)}
    truncated = changed(head, "bias", outcome="inconclusive", claim="none", channels=[unseen, *others])
    assert ("bias", "worse") not in found(compare(one(0), Record.from_json(truncated.to_json())))
    # The same rows, for long enough, are a bias.
    assert ("bias", "worse") in found(compare(one(0), record([simulated("mine", zeros, 1)], seed=1)))


def test_rows_that_were_constant_and_are_so_no_longer() -> None:
    still = {"estimate": 0.0, "interval": (0.0, 0.0)}
    assert found(compare(changed(one(), "variance", **still), one())) == {("variance", "worse")}
    assert found(compare(one(), changed(one(), "variance", **still))) == {("variance", "better")}


def test_exponents() -> None:
    cells = list(one().cells)
    base, same, steeper = (record(cells, families=(family(each, 0.03),)) for each in (1.0, 1.05, 1.9))
    assert compare(base, same).changes == ()
    assert found(compare(base, steeper)) == {("exponent", "worse")}
    assert found(compare(steeper, base)) == {("exponent", "better")}
    assert found(compare(base, record(cells))) == {("family", "gone")}
    wide = record(cells, families=(family(1.9, 0.5),))
    assert compare(base, wide).changes == ()


def test_verdicts_on_exponents() -> None:
    cells = list(one().cells)
    base = record(cells, families=(family(1.0, 0.03),))
    refuted = record(cells, families=(replace(family(1.0, 0.03), claim="refuted"),))
    unknown = record(cells, families=(replace(family(1.0, 0.03), exponent=None, interval=None, outcome="too few points"),))
    assert (found(compare(base, refuted)), compare(base, refuted).exit_status) == ({("exponent", "worse")}, 1)
    assert compare(refuted, refuted).exit_status == 0
    assert (found(compare(base, unknown)), compare(base, unknown).exit_status) == ({("exponent", "lost")}, 3)


def test_evaluations_count_as_cost() -> None:
    dearer = ended(one(1), claims={**one(1).cells[0].claims, "evaluations": 4})
    assert found(compare(one(0), dearer)) == {("evaluations", "worse")}
    assert found(compare(dearer, one(0))) == {("evaluations", "better")}


def _timed(rate: float, problems: int) -> Record:
    cells = [simulated("mine", LAWS["bit"], 0, problem=f"p{k}") for k in range(problems)]
    timed = [
        replace(each, checks=(*each.checks[:2], replace(each.checks[2], timing={"rows_per_second": rate * (1 + 0.01 * k)})))
        for k, each in enumerate(cells)
    ]
    return record(timed)


def test_timing_is_advisory_unless_asked() -> None:
    base, slower = _timed(1e6, 20), _timed(5e5, 20)
    told = compare(base, slower)
    (change,) = told.changes
    assert (change.quantity, change.direction, change.advisory, told.exit_status) == ("seconds", "worse", True, 0)
    assert change.effect == pytest.approx(1.0)
    assert compare(base, slower, timing=True).exit_status == 1
    assert compare(base, _timed(9e5, 20), timing=True).changes == ()
    assert compare(_timed(1e6, 5), _timed(5e5, 5), timing=True).changes == ()  # five problems decide nothing


def test_holm_stops_at_the_first_test_that_is_kept() -> None:
    from gradverify.verification.comparison.compare import _holm

    def test(p_value: float) -> Change:
        return Change(estimator="", problem="", quantity="bias", direction="worse", p_value=p_value)

    kept = _holm([test(each) for each in (0.03, 0.013, 0.012, 0.9)], 0.05)
    assert [each.p_value for each in kept] == [0.012, 0.013]
    assert _holm([test(0.02), test(0.02)], 0.03) == []


def test_an_incomplete_run_does_not_pass() -> None:
    comparison = compare(one(), replace(one(), run=replace(one().run, complete=False)))
    assert comparison.exit_status == 3
    assert comparison.notes == ("the head is incomplete: it was interrupted",)


REFUSED: list[tuple[Callable[[], Comparison], str]] = [
    (lambda: compare(one(), record([simulated("other", LAWS["bit"], 0)])), "no cell in common"),
    (lambda: compare(one(), replace(one(), run=replace(one().run, tolerance=0.05))), "different tolerances, 0.1 and 0.05"),
    (lambda: compare(one(), ended(one(), facts={"exact": [7.5], "dimension": 1})), "'one' has another gradient"),
    (lambda: compare(one(), ended(one(), facts={"exact": [7.0, 1.0], "dimension": 2})), "'one' has another gradient"),
    (lambda: compare(one(), one(), alpha=0.0), "alpha=0; expected"),
    (lambda: compare(one(), one(), margin=-0.1), "margin=-0.1; expected"),
]


@pytest.mark.parametrize(("attempt", "said"), REFUSED, ids=[said for _, said in REFUSED])
def test_what_cannot_be_compared_is_refused(attempt: Callable[[], Comparison], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        attempt()


def test_records_that_were_written_compare_as_those_in_memory() -> None:
    base, head = one(0), one(1, bias=2.1)
    for each in (base, head):
        jsonschema.validate(json.loads(each.to_json()), schema())
    read = [Record.from_json(each.to_json()) for each in (base, head)]
    assert found(compare(*read)) == found(compare(base, head))
    assert compare(base, read[0]).num_identical == 1


def test_comparing_needs_no_torch() -> None:
    modules = "gradverify.verification.comparison.compare, gradverify.verification.report.comparison_report"
    code = f"import sys, {modules}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

"""The toys' variances: exact ones against those that were printed, and statements that can fail."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from gradverify.estimators import ARM, SumAndSample
from gradverify.verification.experiments.published import toy_variances as published_toys
from gradverify.verification.experiments.published.published_numbers import Comparison, inside_statement
from gradverify.verification.experiments.published.toy_variances import (
    one_bit_comparisons,
    three_bit_comparisons,
    three_bit_facts,
    toy_statements,
    toy_table,
)
from gradverify.verification.problems.toys import bits_near

SAMPLES = 4000

# Exact variances at logits 0 and -4, printed to three to five digits.
THREE = {
    "score function": (0.43842, 3.356e-2),
    "leave-one-out of 2": (7.275e-3, 3.810e-4),
    "leave-one-out of 3": (3.200e-3, 2.458e-4),
    "score + baseline": (1.2525e-2, 7.52e-4),
    "unordered 2": (6.1125e-3, 2.978e-5),
    "unordered 3": (2.2625e-3, 8.07e-6),
    "unordered 4": (1.1308e-3, 1.06e-6),
    "unordered 2, plain": (0.18789, 1.210e-3),
}


@pytest.fixture(scope="module")
def three() -> tuple[Comparison, ...]:
    return tuple(three_bit_comparisons(SAMPLES, 0))


@pytest.fixture(scope="module")
def one() -> tuple[Comparison, ...]:
    return tuple(one_bit_comparisons(SAMPLES, 0))


def test_exact_variances_of_three_bits(three: tuple[Comparison, ...]) -> None:
    found = {(each.name, each.size): each.exact for each in three}
    for name, expected in THREE.items():
        assert (found[name, 0.0], found[name, -4.0]) == pytest.approx(expected, rel=5e-3)


def test_the_measured_variances_are_the_exact_ones(three: tuple[Comparison, ...], one: tuple[Comparison, ...]) -> None:
    """False-fail rate 1e-3 at a fixed seed. Planted: variances of the leave-one-out pair held for those of the triple."""
    assert inside_statement("They are.", (*three, *one), "variances").outcome == "holds"
    swapped = tuple(replace(each, exact=3.2e-3) if each.name == "leave-one-out of 2" else each for each in three)
    assert inside_statement("They are.", swapped, "variances").outcome == "fails"


def test_arm_has_its_closed_form() -> None:
    """Against 400,000 rows; relative standard error of a variance about 0.2 %, four of them allowed: rate 6e-5 a point."""
    for target, p, printed in ((0.49, 0.1, 1.303e-5), (0.49, 0.5, 8.33e-6), (0.3, 0.8, None)):
        exact = published_toys._arm_variance(target, p)
        assert printed is None or exact == pytest.approx(printed, rel=1e-3)
        rows = ARM()(bits_near((target,)), torch.tensor(p).double().logit(), 400_000, torch.Generator().manual_seed(5))
        error = float(((rows - rows.mean()) ** 4).mean() / rows.var() ** 2 - 1) ** 0.5 / len(rows) ** 0.5
        assert error < 3e-3
        assert abs(float(rows.var()) / exact - 1) < 4 * error


def test_published_statements_hold_and_fail(three: tuple[Comparison, ...], one: tuple[Comparison, ...]) -> None:
    assert [each.outcome for each in (*three_bit_facts(), *toy_statements(three, one))] == ["holds"] * 4
    # 1.275e-2 has a standard error of 1.7 %: a fifth more is beyond every bound.
    wrong = tuple(replace(each, published=each.published and 1.2 * each.published) for each in three)
    assert toy_statements(wrong, one)[0].outcome == "fails"
    varying = tuple(replace(each, exact=1e-9) if each.name.startswith("DisARM") else each for each in one)
    assert toy_statements(three, varying)[1].outcome == "fails"


def test_a_wrong_toy_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted: 0.51 and 0.48 read as one target."""
    monkeypatch.setattr(published_toys, "_THREE", bits_near((0.6, 0.51, 0.51)))
    assert [each.outcome for each in three_bit_facts()] == ["fails", "fails"]


def test_table_holds_what_was_published(three: tuple[Comparison, ...]) -> None:
    table = toy_table("Three bits", "logit", three, "Read it.")
    published = {(row[0], row[1]): row[2] for row in table.rows if row[2] is not None}
    assert published == {
        (0.0, "score + baseline"): 1.275e-2,
        (-4.0, "score + baseline"): 7.70e-4,
        (-4.0, "score + baseline, top 1 summed"): 3.285e-5,
        (-4.0, "score + baseline, top 4 summed"): 2.69e-6,
    }
    assert SumAndSample(0, "separate").evaluations == 2

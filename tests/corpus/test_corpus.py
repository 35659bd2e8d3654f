"""The corpus is large and well-formed, and its score tells a wrong verdict from a right one."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from .score import Class, Entry, Expected, Finding, classify, count_missed, find_excluded, list_paths, load_entry, render, score

LEAST = 80
"""The number of entries that the corpus holds at least."""

TURNED = Expected("biased", "turned", 0.5, 30.0)
FIGURES = {"scale": {"estimate": 0.5, "interval": (0.45, 0.55)}, "angle": {"estimate": 30.0, "interval": (28.0, 32.0)}}


@pytest.fixture(scope="module")
def entries() -> list[Entry]:
    return [load_entry(path) for path in list_paths()]


def test_the_corpus_is_large_and_holds_right_and_wrong_rules(entries: list[Entry]) -> None:
    counts = Counter(each.expected.outcome for each in entries)
    assert len({each.name for each in entries}) == len(entries) >= LEAST
    assert min(counts["unbiased"], counts["biased"]) >= 0.3 * len(entries)
    assert {each.expected.kind for each in entries} == {"", "rescaled", "reversed", "zero", "turned"}


def test_every_entry_names_its_rule(entries: list[Entry]) -> None:
    assert [each.name for each in entries if not each.rule.endswith((".", ":"))] == []


def test_a_malformed_truth_is_refused() -> None:
    for fields in (
        {"outcome": "wrong"},
        {"outcome": "biased"},
        {"outcome": "unbiased", "kind": "turned"},
        {"outcome": "refused"},
    ):
        with pytest.raises(ValueError, match="outcome"):
            Expected(**fields)
    with pytest.raises(ValueError, match="angle"):
        Expected("biased", "turned", 0.5)


def test_sizes_follow_from_scale_and_angle() -> None:
    assert Expected("biased", "reversed", -1.0).sizes() == {"relative_error": 2.0, "scale": -1.0, "angle": 180.0}
    assert Expected("biased", "turned", 1.0, 45.0).sizes()["relative_error"] == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("expected", "found", "class_"),
    [
        (TURNED, Finding("biased", "turned", FIGURES), "right"),
        (TURNED, Finding("biased", "undetermined", FIGURES), "undecided"),
        (TURNED, Finding("inconclusive", "", FIGURES), "undecided"),
        (TURNED, Finding("biased", "rescaled", FIGURES), "confident wrong"),
        (TURNED, Finding("unbiased"), "confident wrong"),
        (replace(TURNED, scale=0.6), Finding("biased", "turned", FIGURES), "confident wrong"),
        (replace(TURNED, angle=27.0), Finding("biased", "undetermined", FIGURES), "confident wrong"),
        (TURNED, Finding("refused", words="no"), "not accepted"),
        (TURNED, Finding("failed"), "not accepted"),
        (Expected("refused", words="mask"), Finding("refused", words="it wants a mask"), "right"),
        (Expected("refused", words="mask"), Finding("refused", words="KeyError"), "undecided"),
        (Expected("refused", words="mask"), Finding("unbiased"), "confident wrong"),
    ],
)
def test_classes(expected: Expected, found: Finding, class_: Class) -> None:
    assert classify(expected, found) == class_


def test_an_interval_may_exclude_a_size_once_in_twenty_times() -> None:
    """Just outside is counted, and is no wrong verdict; more than 5 % of them are."""
    low, high = FIGURES["scale"]["interval"]
    expected = replace(TURNED, scale=high + 0.1 * (high - low))
    found = Finding("biased", "turned", {"scale": FIGURES["scale"]})
    assert classify(expected, found) == "right"
    assert find_excluded(expected, found) == ["scale"]
    row = {"expected": {"outcome": "unbiased"}, "found": {"outcome": "unbiased", "scale": FIGURES["scale"]}}
    assert count_missed([row, row | {"excluded": ["scale"]}, row | {"found": {"outcome": "refused"}}]) == (1, 2)


def test_a_planted_wrong_expectation_is_confidently_wrong(entries: list[Entry]) -> None:
    entry = next(each for each in entries if each.name == "sampler/straight_through_probs")
    planted = [
        entry,
        replace(entry, name="of another outcome", expected=Expected("unbiased")),
        replace(entry, name="of another kind", expected=Expected("biased", "reversed", -0.8)),
        replace(entry, name="of another size", expected=Expected("biased", "rescaled", 0.5)),
    ]
    rows = score(planted)
    assert [row["class"] for row in rows] == ["right", *3 * ["confident wrong"]]
    assert render(rows).count("| confident wrong |") == 6  # in the list of those and in the list of all

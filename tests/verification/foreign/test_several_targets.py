"""Several foreign targets in one run: one that cannot be used leaves the others judged; tied batches have two sizes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from gradverify.estimators.adapters import CONTRACT, ForeignHints, LossConvention
from gradverify.verification import Record
from gradverify.verification.cli import main
from gradverify.verification.foreign.examine import _at_sizes, _looked_at
from gradverify.verification.foreign.report import broken_cells
from gradverify.verification.foreign.targets import Finding, at_every_size, split_batch
from gradverify.verification.report import exit_status, validate

from ...estimators.adapters import foreign, shapes
from ..targets import hostile

BIT = "bernoulli:0.3/cubic/p"
TIED = f"{shapes.__file__}:OthersBaseline"
MIRRORED = f"{shapes.__file__}:antithetic_batch"
ONE_HOT = f"{foreign.__file__}:one_hot_of_logits"
AMBIGUOUS = f"{foreign.__file__}:handed_unsaid"
DYING = f"{hostile.__file__}:segfaulting_when_attributed"


def test_the_others_are_judged_and_the_status_is_that_of_wrong_usage(tmp_path: Path) -> None:
    """One run: an ambiguous target, one that is absent, a misspelt name, one whose search for its bias dies, a sound one."""
    targets = (AMBIGUOUS, f"{foreign.__file__}:absent", "leave_on_out", DYING, "leave_one_out")
    options = ("--problem", BIT, "--tolerance", "0.5", "--attribute", "--workers", "1", "--out", str(tmp_path))
    result = CliRunner().invoke(main, ["verify", *targets, *options])
    assert result.exit_code == 2, result.output
    assert "handed_unsaid': it is handed a sample, and could take probabilities or logits; say --takes" in result.stderr
    record = Record.read(tmp_path / "report.json")
    validate(record)
    cells = {each.estimator: each for each in record.cells}
    outcomes = {name: cell.checks[-1].outcome for name, cell in cells.items()}
    assert outcomes[AMBIGUOUS] == outcomes[targets[1]] == outcomes["leave_on_out"] == "failed"
    assert "did you mean leave_one_out" in result.stderr
    assert outcomes[DYING] == "crashed"
    bias = {name: cell.find("bias") for name, cell in cells.items()}
    assert [(each.outcome if each else "") for each in (bias[DYING], bias["leave_one_out"])] == ["biased", "unbiased"]
    assert bias[AMBIGUOUS] is not None
    assert "say --takes probs or --takes logits" in bias[AMBIGUOUS].note
    assert exit_status(record) == 2


def test_what_cannot_be_used_alone_is_a_usage_error_that_names_all() -> None:
    result = CliRunner().invoke(main, ["verify", AMBIGUOUS, f"{foreign.__file__}:absent", "--problem", BIT])
    assert result.exit_code == 2
    flat = " ".join(result.stderr.replace("│", " ").split())
    assert "say --takes probs or --takes logits" in flat
    assert "has no attribute 'absent'" in flat


@pytest.mark.parametrize(("status", "code"), [("refused", 2), ("failed", 1), ("crashed", 4), ("timeout", 4)])
def test_only_what_the_user_must_mend_is_wrong_usage(status: str, code: int) -> None:
    from gradverify.verification import verify

    record = verify("leave_one_out", BIT, tolerance=0.5)
    broken = broken_cells([Finding("mine.py:it", None, status, "what happened")], [BIT])
    assert exit_status(replace(record, cells=(*record.cells, *broken))) == code


TWO = Finding("mine.py:loss", LossConvention(group=2, evaluations=4))


def test_rows_that_depend_on_each_other_are_judged_at_two_sizes() -> None:
    findings = [each for found in (TWO, Finding("other.py:it", CONTRACT)) for each in _at_sizes(found)]
    assert [each.target for each in findings] == ["mine.py:loss", "mine.py:loss@8", "other.py:it"]
    assert [each.convention and (each.convention.group, each.convention.evaluations) for each in findings[:2]] == [
        (2, 4),
        (8, 16),
    ]
    assert _at_sizes(replace(TWO, target="mine.py:loss@2")) == [replace(TWO, target="mine.py:loss@2")]
    broken = Finding("bad.py:it", None, "failed")
    asked = ["leave_one_out", "mine.py:loss", "bad.py:it", "other.py:it"]
    usable = ["leave_one_out", "mine.py:loss", "mine.py:loss@8", "other.py:it"]
    assert at_every_size(asked, [*findings, broken]) == usable


@pytest.mark.parametrize(
    ("target", "place", "batch"),
    [
        ("mine.py:loss@16", "mine.py:loss", 16),
        ("mine.py:loss", "mine.py:loss", None),
        ("me@home/mine.py:loss", "me@home/mine.py:loss", None),
        ("@3", "@3", None),
    ],
)
def test_a_target_may_end_in_a_size(target: str, place: str, batch: int | None) -> None:
    assert split_batch(target) == (place, batch)


@pytest.mark.parametrize(("target", "group"), [(f"{TIED}@16", 16), (TIED, 2), (f"{MIRRORED}@4", 4), (MIRRORED, 1)])
def test_a_size_that_is_stated_is_followed(target: str, group: int) -> None:
    found = _looked_at(target, ForeignHints())
    assert found.target == target
    assert found.convention is not None
    assert found.convention.group == group


@pytest.mark.parametrize("target", [f"{ONE_HOT}@8", f"{TIED}@1"])
def test_a_size_that_means_nothing_is_refused(target: str) -> None:
    found = _looked_at(target, ForeignHints())
    assert found.status == "refused"
    assert "@N is for losses and gradients of a batch of two rows or more; leave @" in found.note

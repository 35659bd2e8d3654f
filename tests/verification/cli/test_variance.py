"""``gradverify variance``: what it writes, and what it refuses in one sentence."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gradverify.verification import Record
from gradverify.verification.cli import main

SMALL = ("--sizes", "4,6,8", "--samples", "2048", "--workers", "0", "--no-costs")


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["variance", *arguments])


def test_a_small_run_writes_its_report(tmp_path: Path) -> None:
    # An estimator without a recursion: nothing long is computed.
    result = invoke("muprop", *SMALL, "--dtype", "float32", "--out", str(tmp_path))
    assert result.exit_code in (0, 3), result.output
    record = Record.read(tmp_path / "report.json")
    assert record.run.dtype == "float32"
    assert [each.family for each in record.families] == ["random_walk/square/p"]
    assert [each.name for each in record.studies] == ["variance-random-walk-square-p"]
    assert (tmp_path / "variance-sampled-random-walk-square-p.png").exists()
    assert "Variance over size" in (tmp_path / "report.md").read_text()
    # A second run replaces the first, as the folder holds nothing else.
    assert invoke("muprop", *SMALL, "--out", str(tmp_path)).exit_code in (0, 3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--sizes", "10,x,30"), "expected whole numbers with commas between"),
        (("--sizes", "0,10,20"), "a size is at least 1"),
        (("--sizes", "10,20"), "three sizes or more"),
        (("--samples", "10"), "at least 2048 rows"),
        (("--problem", "random_walk:10"), "leave the size out"),
        (("--problem", "nothing"), "unknown problem 'nothing'"),
        (("--problem", "chain/cubic/theta"), "vector of parameters"),
        (("no_such_estimator",), "no_such_estimator"),
    ],
)
def test_what_cannot_be_run_is_refused(arguments: tuple[str, ...], message: str) -> None:
    result = invoke(*arguments, "--workers", "0")
    assert result.exit_code == 2, result.output
    assert message in " ".join(result.output.split())
    assert "Traceback" not in result.output

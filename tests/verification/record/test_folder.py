"""The folder of a run: what may be claimed, what is read back, and errors that name it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from gradverify.verification.record.folder import (
    RECORD_NAME,
    claim_folder,
    earlier_record,
    make_writable,
    name_in_errors,
)
from gradverify.verification.record.record import Record, Run

RECORD = Record(
    run=Run(command="", profile="quick", seed=0, device="cpu", dtype="float64", alpha=1e-3, tolerance=0.1, complete=True),
    cells=(),
)


def test_a_new_folder_is_made_and_left_empty(tmp_path: Path) -> None:
    folder = tmp_path / "not" / "there"
    claim_folder(folder)
    assert list(folder.iterdir()) == []
    assert earlier_record(folder) is None


def test_the_folder_of_an_earlier_run_may_be_claimed_again(tmp_path: Path) -> None:
    RECORD.write(tmp_path / RECORD_NAME)
    (tmp_path / "bias.svg").touch()
    claim_folder(tmp_path)
    assert earlier_record(tmp_path) == RECORD


@pytest.mark.parametrize("content", [None, "{}", "no JSON"])
def test_a_folder_with_other_files_is_refused(tmp_path: Path, content: str | None) -> None:
    if content is None:
        (tmp_path / "thesis.tex").touch()
    else:
        (tmp_path / RECORD_NAME).write_text(content)
    with pytest.raises(ValueError, match="no report of gradverify; give an empty or new folder"):
        claim_folder(tmp_path)


def test_hidden_files_are_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").touch()
    claim_folder(tmp_path)


def test_a_file_in_place_of_the_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "taken").touch()
    with pytest.raises(OSError, match="taken"):
        make_writable(tmp_path / "taken")


def test_an_error_without_a_name_gets_the_folders(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No space left") as caught, name_in_errors(tmp_path):
        raise OSError(28, "No space left on device")
    assert caught.value.filename == str(tmp_path)


def test_records_are_read_without_torch() -> None:
    modules = ", ".join(f"gradverify.verification.record.{name}" for name in ("folder", "head", "record", "study"))
    program = f"import sys, {modules}\nprint([name for name in ('torch', 'numpy', 'click') if name in sys.modules])"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"

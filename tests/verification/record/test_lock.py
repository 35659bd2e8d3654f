"""One run a folder: a second process is refused by name, and a lock ends with its owner."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gradverify.verification.record.folder import claim_folder, refuse_others
from gradverify.verification.record.lock import lock_folder, unlock_folder

pytest.importorskip("fcntl")

HOLD = """
import sys, time
from pathlib import Path
from gradverify.verification.record.lock import lock_folder
try:
    lock_folder(Path(sys.argv[1]))
except ValueError as error:
    print(error, flush=True)
    raise SystemExit(2)
print("held", flush=True)
time.sleep(float(sys.argv[2]))
"""


def hold(folder: Path, seconds: float) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", HOLD, str(folder), str(seconds)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def read_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_a_second_process_is_told_the_owner_and_a_killed_owner_holds_nothing(tmp_path: Path) -> None:
    with hold(tmp_path, 1000) as owner:
        assert read_line(owner) == "held"
        with pytest.raises(ValueError, match=rf"is in use by process {owner.pid}; wait for its end, or give another"):
            claim_folder(tmp_path)
        owner.kill()
    claim_folder(tmp_path)
    with hold(tmp_path, 0) as other:
        assert f"in use by process {os.getpid()}" in read_line(other)
    assert other.returncode == 2
    unlock_folder(tmp_path)
    with hold(tmp_path, 0) as other:
        assert read_line(other) == "held"


def test_a_process_may_lock_a_folder_twice(tmp_path: Path) -> None:
    lock_folder(tmp_path)
    lock_folder(tmp_path)
    unlock_folder(tmp_path)
    unlock_folder(tmp_path)


def test_a_file_of_somebody_else_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "report.md").write_text("my notes")
    with pytest.raises(ValueError, match=r"report.md was not written by gradverify and would be overwritten"):
        refuse_others(tmp_path, ["report.md", "junit.xml"])
    (tmp_path / "report.md").write_text("# gradverify: 3 cells")
    refuse_others(tmp_path, ["report.md", "junit.xml"])

"""The command in awkward surroundings: shadowing modules, names that are no Unicode, a locale without symbols, faults."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

BIT = "--problem=bernoulli:0.3/cubic"
ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "ascii"}


def run(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "gradverify.verification", "verify", *arguments]
    given = {**os.environ, "OMP_NUM_THREADS": "1", **environment}
    return subprocess.run(command, cwd=folder, env=given, text=True, errors="replace", capture_output=True, check=False)


def test_modules_of_the_working_directory_shadow_nothing(tmp_path: Path) -> None:
    for name in ("random.py", "numbers.py", "torch.py", "verification/__init__.py", "estimators/__init__.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("raise RuntimeError('imported from the working directory')\n")
    done = run(tmp_path, "leave_one_out", BIT, "--workers=1")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "working directory" not in done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="names of files are bytes on Linux")
def test_names_beyond_the_locale(tmp_path: Path) -> None:
    folder = tmp_path / "ünï"
    folder.mkdir()
    (folder / "mine.py").write_text("from gradverify.estimators import LeaveOneOut\nmïne = LeaveOneOut()\n", encoding="utf-8")
    Path(os.fsdecode(os.fsencode(folder) + b"/\xff\xfe.py")).write_text("x = 1\n")
    done = run(tmp_path, "ünï/mine.py:mïne", BIT, "--out=ünï/out", **ASCII)
    assert done.returncode == 0, done.stdout + done.stderr
    record = json.loads((folder / "out" / "report.json").read_text(encoding="utf-8"))
    assert "ünï/mine.py:mïne" in {cell["estimator"] for cell in record["cells"]}


@pytest.mark.parametrize("given", ["", "nonsense", "empty.json"])
def test_a_wrong_scheduler_is_one_sentence(tmp_path: Path, given: str) -> None:
    pytest.importorskip("distributed")
    (tmp_path / "empty.json").write_text("{}")
    done = run(tmp_path, "leave_one_out", BIT, f"--dask={given}")
    assert done.returncode == 2, done.stdout + done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("body", ["raise SystemExit(0)", "raise KeyError(0)"])
def test_a_fault_outside_every_guard_is_no_verdict(tmp_path: Path, body: str) -> None:
    (tmp_path / "mine.py").write_text(
        f"PARAMS = 0.3\nasked = []\n\ndef EXACT(params):\n    {body}\n\ndef mine(params, sample):\n    return params\n"
    )
    done = run(tmp_path, "leave_one_out", "--problem=mine.py:mine@0.3", "--no-isolate", TMPDIR=str(tmp_path))
    assert done.returncode == 4, done.stdout + done.stderr
    assert "Error at mine.py, line 5" in done.stderr or "SystemExit at mine.py, line 5" in done.stderr
    assert len([*tmp_path.glob("gradverify-*.traceback.txt")]) == 1

"""Problems that exit, hang or die cost their own cells, in real processes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from gradverify.verification.record.record import Record

PROGRAMS = """
import ctypes, os, sys, time
from torch.distributions import Bernoulli

PARAMS = 0.3

def good(params, sample):
    return sample(Bernoulli(probs=params))

def exits(params, sample):
    sys.exit(0)

def vanishes(params, sample):
    os._exit(0)

def hangs(params, sample):
    time.sleep(1000)

def dies(params, sample):
    ctypes.string_at(0)

def recurses(params, sample):
    return recurses(params, sample)
"""
BROKEN = ("exits", "vanishes", "hangs", "dies", "recurses")


def verify(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "gradverify.verification", "verify", "leave_one_out", *arguments]
    given = {**os.environ, "OMP_NUM_THREADS": "1", **environment}
    return subprocess.run(command, cwd=folder, env=given, text=True, errors="replace", capture_output=True, check=False)


def test_broken_programs_cost_their_own_cells(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(PROGRAMS)
    (tmp_path / "quits.py").write_text("import os\nos._exit(0)\n")
    problems = [f"--problem=mine.py:{name}" for name in ("good", *BROKEN)]
    done = verify(tmp_path, *problems, "--problem=quits.py:a", "--time-limit=5", "--workers=0", "--out=out")
    assert done.returncode == 4, done.stdout + done.stderr
    cells = {cell.problem: cell.status for cell in Record.read(tmp_path / "out" / "report.json").cells}
    expected = {f"mine.py:{name}": "timeout" if name == "hangs" else "crashed" for name in BROKEN}
    assert cells == {"good": "ok", **expected, "quits.py:a": "crashed"}
    assert "problem 'mine.py:exits': SystemExit at mine.py, line 11: 0" in done.stderr


def test_a_run_of_dying_problems_alone_ends_with_4(tmp_path: Path) -> None:
    (tmp_path / "quits.py").write_text("raise SystemExit(0)\n")
    done = verify(tmp_path, "--problem=quits.py:a")
    assert done.returncode == 4, done.stdout + done.stderr
    assert "problem 'quits.py:a': SystemExit at quits.py, line 1" in done.stderr


def test_a_misspelt_name_leaves_the_others(tmp_path: Path) -> None:
    done = verify(tmp_path, "leave_one_ot", "--problem=bernoulli:0.3/cubic", "--problem=bernouli:0.3", "--out=out")
    assert done.returncode == 2, done.stdout + done.stderr
    assert "did you mean leave_one_out?" in done.stderr
    assert "did you mean bernoulli?" in done.stderr
    cells = Record.read(tmp_path / "out" / "report.json").cells
    assert {(cell.estimator, cell.problem) for cell in cells if cell.status == "ok"} >= {
        ("leave_one_out", "bernoulli:0.3/cubic/p")
    }

"""A command ends whole: signals stop it with its record written, workers end with it, and lost streams change no status."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gradverify.verification.record.record import Record

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="signals as Linux has them, and its env")

COMMAND = (sys.executable, "-m", "gradverify.verification", "verify", "leave_one_out")
LONG = ("--problem=bernoulli:0.3/cubic", "--problem=mine.py:slow", "--workers=1", "--out=out", "--no-isolate")
SHORT = (*COMMAND, "--problem=bernoulli:0.3/cubic", "--workers=0")
SLOW = """
import time
from torch.distributions import Bernoulli

PARAMS = 0.3

def slow(params, sample):
    if len(params) >= 2048:
        open("drawing", "a").close()
        time.sleep(1000)
    return sample(Bernoulli(probs=params)) ** 3
"""


def begin(folder: Path) -> subprocess.Popen[str]:
    """Start a run whose last cell sleeps, and return it when it does."""
    (folder / "mine.py").write_text(SLOW)
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    # Under nohup and the like signals are ignored, which a command inherits and keeps to.
    run = subprocess.Popen(
        ("env", "--default-signal", *COMMAND, *LONG),
        cwd=folder,
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    while not (folder / "drawing").exists():
        assert run.poll() is None, run.stdout and run.stdout.read()
        time.sleep(0.1)
    return run


def list_workers(parent: int) -> list[int]:
    """Return the processes below another one, from /proc."""
    parents = {}
    for place in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = place.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if fields[0] != "Z":
            parents[int(place.parent.name)] = int(fields[1])
    found = [parent]
    for each in found:
        found += [child for child, own in parents.items() if own == each]
    return found[1:]


def test_a_signal_writes_what_is_finished(tmp_path: Path) -> None:
    number = signal.SIGHUP
    run = begin(tmp_path)
    run.send_signal(number)
    said = run.communicate(timeout=120)[0]
    assert run.returncode == 128 + number, said
    record = Record.read(tmp_path / "out" / "report.json")
    assert not record.run.complete
    assert "bernoulli:0.3/cubic/p" in {cell.problem for cell in record.cells}


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processes are listed by /proc")
def test_workers_end_with_a_parent_that_was_killed(tmp_path: Path) -> None:
    run = begin(tmp_path)
    workers = list_workers(run.pid)
    assert workers
    run.kill()
    run.communicate()
    deadline = time.monotonic() + 60
    while any(Path(f"/proc/{worker}").exists() for worker in workers) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert [worker for worker in workers if Path(f"/proc/{worker}").exists()] == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no full device")
@pytest.mark.parametrize("stream", ["> /dev/full", ">&-", "2>&- >/dev/null", "| true"])
def test_a_lost_stream_changes_neither_the_record_nor_the_status(tmp_path: Path, stream: str) -> None:
    words = " ".join((*SHORT, "--out=out", stream))
    done = subprocess.run(
        ["bash", "-c", f'{words}; exit "${{PIPESTATUS[0]}}"'], cwd=tmp_path, text=True, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert Record.read(tmp_path / "out" / "report.json").run.complete

"""Worker processes: new ones share nothing with their parent or with each other, and find PyTorch imported."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from gradverify.verification.foreign.processes import PROCESSES

WORK = """
import sys


def look_around(connection):
    torch = sys.modules.get("torch")
    preloaded = "gradverify.verification.workbench" in sys.modules
    connection.send((torch is not None, preloaded, hasattr(torch, "_mark_of_the_test")))
    torch._mark_of_the_test = True
"""


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A module that a new process can import."""
    (tmp_path / "look_of_the_test.py").write_text(WORK)
    monkeypatch.syspath_prepend(tmp_path)
    yield importlib.import_module("look_of_the_test")
    del sys.modules["look_of_the_test"]


def test_a_worker_starts_afresh(work: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "_mark_of_the_test", True, raising=False)
    seen = []
    for _ in range(2):
        ours, theirs = PROCESSES.Pipe(duplex=False)
        process = PROCESSES.Process(target=work.look_around, args=(theirs,))
        process.start()
        theirs.close()  # so that a process that dies ends the wait
        seen.append(ours.recv())
        process.join()
        assert process.exitcode == 0
    assert seen == [(True, sys.platform == "linux", False)] * 2

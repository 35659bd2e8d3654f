"""Processes: results, messages, and workers that die."""

from __future__ import annotations

import contextlib
import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from gradverify.verification.experiments.processes import run_in_processes, use_one_thread

WORK = """
import os
import signal
from pathlib import Path

import torch


def work(job, tell):
    tell(job)
    first_time = Path(__file__).with_name(job)
    if job == "dies" or (job == "dies once" and not first_time.exists()):
        first_time.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    if job == "fails":
        raise ArithmeticError("no such sum")
    return job.upper(), torch.get_num_threads()
"""


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Any]]:
    """A function that a spawned process can import."""
    (tmp_path / "work_of_the_test.py").write_text(WORK)
    monkeypatch.syspath_prepend(tmp_path)
    yield importlib.import_module("work_of_the_test").work
    del sys.modules["work_of_the_test"]


def test_a_worker_that_dies_costs_its_own_job_alone(work: Callable[..., Any]) -> None:
    """One is killed whenever it runs and has no result; the next is killed the first time, and has one all the same."""
    told: list[str] = []
    found = dict(run_in_processes(work, ["dies", "dies once"], 1, listen=told.append))
    assert found == {"dies": None, "dies once": ("DIES ONCE", 1)}
    assert set(told) <= set(found)


def test_what_a_job_raises_ends_the_loop(work: Callable[..., Any]) -> None:
    with pytest.raises(ArithmeticError, match="no such sum"):
        dict(run_in_processes(work, ["fails"], 1))


def test_one_thread_and_then_as_many_as_before() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with contextlib.suppress(ZeroDivisionError), use_one_thread():
            assert torch.get_num_threads() == 1
            raise ZeroDivisionError
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)

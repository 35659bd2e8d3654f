"""On a stand-in for an accelerator: the work of a cell stays there on every problem, and says what the CPU says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gradverify.estimators import ESTIMATORS
from gradverify.verification.drawing.tasks import CheckResult, CheckTask, ChunkResult, ChunkTask
from gradverify.verification.plan import settle
from gradverify.verification.problems.problem import Problem
from gradverify.verification.problems.registry import registered_problems
from gradverify.verification.statistics.channels import watch
from gradverify.verification.workbench import Workbench

from ..estimators.other_device import OTHER, other_device

ROWS = 40
FAMILIES = {problem.name.rsplit(":", 1)[0]: problem for problem in reversed(registered_problems().values())}
"""The first problem of each family, which is its smallest: every operation waits for its stand-in."""


def looked_at(problem: Problem, estimator: str, device: str) -> tuple[CheckResult, ChunkResult]:
    """Conformance and a first chunk."""
    settings = replace(settle(), device=device)
    workbench = Workbench(settings, ESTIMATORS.__getitem__, lambda name: problem)
    conformance = CheckTask(estimator, problem.name, 1e-6).perform(workbench)
    truth = np.asarray(workbench.reference(problem.name).gradient).reshape(-1)
    channels = watch(truth, np.ones_like(truth), np.zeros((0, truth.size)))
    chunk = ChunkTask(estimator, problem.name, "screen", 0, ROWS, 0, (ROWS,), channels).perform(workbench)
    assert isinstance(conformance, CheckResult)
    assert isinstance(chunk, ChunkResult)
    return conformance, chunk


@pytest.mark.parametrize("problem", FAMILIES.values(), ids=FAMILIES)
def test_a_cell_there_is_the_cell_here(problem: Problem, monkeypatch: pytest.MonkeyPatch) -> None:
    here = looked_at(problem, "score_function", "cpu")
    with other_device(monkeypatch):
        there = looked_at(problem, "score_function", OTHER.type)
    assert there[0] == here[0]
    assert there[0].findings["conformance"].outcome == "pass"
    assert there[1].moments[0].count == here[1].moments[0].count == ROWS
    np.testing.assert_allclose(there[1].moments[0].mean, here[1].moments[0].mean, rtol=0, atol=1e-9)

"""The GPU's kernels, run on the CPU by Triton's interpreter where Triton is installed: the same laws, the same rows.

False-fail rate 1e-6 a comparison; `test_a_planted_bug` shows that it finds one.
"""

from __future__ import annotations

import importlib
import os

import pytest
import torch

from gradverify.estimators import ConditionalTriple, Estimator, LeaveOneOut, ScoreFunction, StochasticTriple
from gradverify.estimators.fused import Fused, walks
from gradverify.estimators.fused.alternatives import ONE_SIDED, alternatives
from gradverify.estimators.fused.chain import read_chain
from gradverify.estimators.runs.exact import enumerate_branches

from .chains import CHAINS
from .law import FALSE_FAIL_RATE, misfit

if not torch.cuda.is_available():
    os.environ.setdefault("TRITON_INTERPRET", "1")  # read as Triton defines its kernels, so before it is imported
pytest.importorskip("triton")
kernels = importlib.import_module("gradverify.estimators.fused.triton_kernels")
interpreted = pytest.mark.skipif(torch.cuda.is_available(), reason="the interpreter is for machines without a GPU")

ROWS = 20_000
CASES: dict[str, tuple[Estimator, str]] = {
    "score": (ScoreFunction(), "walk"),
    "score, several": (ScoreFunction(baseline=2.0), "ring"),
    "leave one out": (LeaveOneOut(), "clock"),
    "drawn": (StochasticTriple(), "walk"),
    "drawn, steps that differ": (StochasticTriple(), "clock"),
    "averaged": (ConditionalTriple(), "falling"),
    "averaged, two slots": (ConditionalTriple("leave_one_out"), "clock"),
    "averaged, four slots": (ConditionalTriple(), "sink"),
    "paired": (StochasticTriple(), "ring"),
    "paired, opening": (StochasticTriple(), "opening"),
}


@interpreted
@pytest.mark.parametrize("name", CASES)
def test_rows_have_the_eager_estimators_law(name: str) -> None:
    estimator, chain = CASES[name]
    program, point = CHAINS[chain]
    params = torch.tensor(point, dtype=torch.float64)
    law = enumerate_branches(estimator, program, params)
    rows = Fused(estimator, "Triton")(program, params, ROWS, torch.Generator().manual_seed(0))
    assert misfit(rows, law) > FALSE_FAIL_RATE


@interpreted
@pytest.mark.parametrize("walk", ["forward", "score", "averaged", "drawn", "paired"])
def test_a_row_does_not_depend_on_how_many_there_are(walk: str) -> None:
    program, point = CHAINS["falling"]
    chain = read_chain(program, torch.tensor(point))
    assert chain is not None
    beside = alternatives(chain, ONE_SIDED, 1)
    few, many = (
        walks.run_walk("Triton", walk, chain, rows, torch.float32, torch.Generator().manual_seed(1), beside)
        for rows in (70, 1000)
    )
    assert all(torch.equal(part, whole[:70]) for part, whole in zip(few, many, strict=True))


@interpreted
def test_a_planted_bug(monkeypatch: pytest.MonkeyPatch) -> None:
    """A survival that is never drawn."""
    program, point = CHAINS["walk"]
    params = torch.tensor(point, dtype=torch.float64)
    law = enumerate_branches(StochasticTriple(), program, params)
    launch = kernels.launch
    monkeypatch.setattr(kernels, "launch", lambda walk, *rest: launch("score" if walk == "drawn" else walk, *rest))
    rows = Fused(StochasticTriple(), "Triton")(program, params, ROWS, torch.Generator().manual_seed(0))
    assert misfit(rows, law) < FALSE_FAIL_RATE


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("name", CASES)
def test_on_a_gpu(name: str) -> None:
    estimator, chain = CASES[name]
    program, point = CHAINS[chain]
    params = torch.tensor(point, dtype=torch.float64, device="cuda")
    law = enumerate_branches(estimator, program, params.cpu())
    rows = Fused(estimator, "Triton")(program, params, 10 * ROWS, torch.Generator("cuda").manual_seed(0))
    assert rows.is_cuda
    assert misfit(rows.cpu(), law) > FALSE_FAIL_RATE

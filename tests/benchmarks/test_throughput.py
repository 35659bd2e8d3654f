"""Replicates a second of the eager path and of compiled walks, beside a plain batched forward walk of raw torch operations.

    pytest tests/benchmarks --benchmark-only --benchmark-columns=median,ops --benchmark-group-by=group

Every benchmark writes ``rate_over_forward`` into its extra information: the median over interleaved blocks of its rate divided
by the forward walk's, which a slow or busy machine leaves alone. No time is asserted.
"""

from __future__ import annotations

from functools import partial

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture
from torch import Tensor

from gradverify.estimators import ESTIMATORS
from gradverify.estimators.fused import Fused, fuse
from gradverify.verification.problems import registered_problems
from gradverify.verification.throughput.measurement import Way, measure
from gradverify.verification.throughput.peers import TORCH_PEERS, forward_walk

LENGTH = 100
ROWS = 16_384
BLOCKS = 9
WALK = registered_problems()[f"random_walk:{LENGTH}/square/p"]
DTYPES = (torch.float32, torch.float64)
NAMES = (
    "score_function",
    "score_function_baseline",
    "leave_one_out",
    "stochastic_triple",
    "conditional_triple",
    "conditional_triple_control_variate",
    "smoothed_triple",
    "straight_through",
)
FUSED = (
    "score_function",
    "leave_one_out",
    "stochastic_triple",
    "conditional_triple",
    "conditional_triple_control_variate",
)


def _timed(benchmark: BenchmarkFixture, way: Way, dtype: torch.dtype, *, rounds: int = BLOCKS) -> object:
    """Benchmark a way of a problem's group, and note its rate over the forward walk's."""
    generator = torch.Generator().manual_seed(1)
    yardstick = Way("forward", "peer", ROWS, partial(forward_walk, LENGTH, ROWS, dtype, "cpu", generator))
    benchmark.group = f"random_walk:{LENGTH}, {dtype}"
    benchmark.extra_info["rows"] = way.rows
    if benchmark.enabled:
        (reading,) = measure([way], yardstick, device="cpu", blocks=rounds).values()
        benchmark.extra_info["rate_over_forward"] = round(reading.ratio, 4)
    return benchmark.pedantic(way.run, rounds=rounds, warmup_rounds=1)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_forward_walk(benchmark: BenchmarkFixture, dtype: torch.dtype) -> None:
    generator = torch.Generator().manual_seed(0)
    _timed(benchmark, Way("forward walk", "peer", ROWS, partial(forward_walk, LENGTH, ROWS, dtype, "cpu", generator)), dtype)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("name", NAMES)
def test_estimator(benchmark: BenchmarkFixture, name: str, dtype: torch.dtype) -> None:
    params, generator = WALK.params.to(dtype), torch.Generator().manual_seed(0)
    run = partial(ESTIMATORS[name], WALK.program, params, ROWS, generator)
    rows = _timed(benchmark, Way(name, "eager", ROWS, run), dtype)
    assert isinstance(rows, Tensor)
    assert rows.shape == (ROWS,)
    assert rows.dtype == dtype


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("name", FUSED)
def test_fused(benchmark: BenchmarkFixture, name: str, dtype: torch.dtype) -> None:
    pytest.importorskip("numba")
    params, generator = WALK.params.to(dtype), torch.Generator().manual_seed(0)
    compiled = fuse(ESTIMATORS[name], WALK.program, params)
    assert isinstance(compiled, Fused)
    rows = _timed(benchmark, Way(name, "fused", ROWS, partial(compiled, WALK.program, params, ROWS, generator)), dtype)
    assert isinstance(rows, Tensor)
    assert rows.shape == (ROWS,)


@pytest.mark.parametrize("name", TORCH_PEERS)
def test_peer(benchmark: BenchmarkFixture, name: str) -> None:
    rows = 2 if name.startswith("one ") else ROWS
    run = partial(TORCH_PEERS[name], LENGTH, rows, torch.float32, "cpu", torch.Generator().manual_seed(0))
    _timed(benchmark, Way(name, "peer", rows, run), torch.float32, rounds=3)

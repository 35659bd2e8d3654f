"""Replicates a second of the eager path, beside a plain batched forward walk of raw torch operations.

    pytest tests/benchmarks --benchmark-only --benchmark-columns=median,ops --benchmark-group-by=group

Every benchmark writes ``rate_over_forward`` into its extra information: the median over interleaved blocks of its rate divided
by the forward walk's, which a slow or busy machine leaves alone. No time is asserted.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture
from torch import Tensor

from gradverify.estimators import ESTIMATORS
from gradverify.verification.problems import registered

LENGTH = 100
ROWS = 16_384
BLOCKS = 9
WALK = registered()[f"random_walk:{LENGTH}/square/p"]
DTYPES = (torch.float32, torch.float64)
NAMES = (
    "score_function",
    "score_function_baseline",
    "leave_one_out",
    "stochastic_triple",
    "smoothed_triple",
    "straight_through",
)


def forward(generator: torch.Generator, dtype: torch.dtype) -> Tensor:
    """E[X_n^2] of the walk, without a site, a tape or a gradient."""
    state = torch.zeros(ROWS, dtype=dtype)
    for _ in range(LENGTH):
        up = torch.rand(ROWS, generator=generator, dtype=dtype) < torch.exp(-state / LENGTH)
        state = state + (2 * up.to(dtype) - 1)
    return state.square()


def seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def ratio(work: Callable[[], object], beside: Callable[[], object]) -> float:
    """Rate of ``work`` over the rate of ``beside``: the median over blocks that hold one run of each."""
    return statistics.median(seconds(beside) / seconds(work) for _ in range(BLOCKS))


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_forward_walk(benchmark: BenchmarkFixture, dtype: torch.dtype) -> None:
    generator = torch.Generator().manual_seed(0)
    benchmark.group = f"walk, n = {LENGTH}, {ROWS} rows, {dtype}"
    benchmark.extra_info["rows"] = ROWS
    with torch.no_grad():
        benchmark(forward, generator, dtype)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("name", NAMES)
def test_estimator(benchmark: BenchmarkFixture, name: str, dtype: torch.dtype) -> None:
    estimator, params = ESTIMATORS[name], WALK.params.to(dtype)
    generator = torch.Generator().manual_seed(0)

    def work() -> Tensor:
        return estimator(WALK.program, params, ROWS, generator)

    def plain() -> Tensor:
        with torch.no_grad():
            return forward(generator, dtype)

    benchmark.group = f"walk, n = {LENGTH}, {ROWS} rows, {dtype}"
    benchmark.extra_info["rows"] = ROWS
    rows = work()
    if benchmark.enabled:
        benchmark.extra_info["rate_over_forward"] = round(ratio(work, plain), 3)
    benchmark.pedantic(work, rounds=BLOCKS, warmup_rounds=1)
    assert rows.shape == (ROWS,)
    assert rows.dtype == dtype


@pytest.mark.parametrize("name", NAMES)
def test_double_precision(benchmark: BenchmarkFixture, name: str) -> None:
    """Float64 against float32; ``rate_over_single`` is the ratio of their rates."""
    estimator, generator = ESTIMATORS[name], torch.Generator().manual_seed(0)

    def work(dtype: torch.dtype = torch.float64) -> Tensor:
        return estimator(WALK.program, WALK.params.to(dtype), ROWS, generator)

    benchmark.group = f"walk, n = {LENGTH}, float64 over float32"
    if benchmark.enabled:
        benchmark.extra_info["rate_over_single"] = round(ratio(work, lambda: work(torch.float32)), 3)
    benchmark.pedantic(work, rounds=3, warmup_rounds=1)

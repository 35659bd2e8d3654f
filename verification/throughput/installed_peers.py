"""The random walk's score function in other libraries, for those that are installed."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Bernoulli

__all__ = ["installed_peers"]

Run = Callable[[], object]


def installed_peers(length: int, rows: int) -> dict[str, Run]:
    """Return, by name, functions that draw rows on the CPU in float32; empty if no library is installed."""
    makers = {"JAX scan, default generator": ("jax", _jax_scan), "Storchastic": ("storch", _storchastic)}
    return {name: make(length, rows) for name, (module, make) in makers.items() if find_spec(module) is not None}


def _jax_scan(length: int, rows: int) -> Run:
    """Return a run of one compiled scan, with the score by forward mode."""
    # One thread, like PyTorch; JAX reads this when it starts.
    os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1")
    import jax
    import jax.numpy as jnp

    def path(key: Any, p: Any) -> tuple[Any, Any]:
        def step(carry: tuple[Any, Any], key: Any) -> tuple[tuple[Any, Any], None]:
            state, score = carry
            up = jnp.exp(-state / p)
            rises = jax.random.uniform(key, (rows,)) < jax.lax.stop_gradient(up)
            score = score + jnp.log(jnp.where(rises, up, jnp.where(rises, 0.5, 1 - up)))
            return (state + jnp.where(rises, 1.0, -1.0), score), None

        start = (jnp.zeros(rows), jnp.zeros(rows))
        (state, score), _ = jax.lax.scan(step, start, jax.random.split(key, length))
        return state, score

    def draw_rows(key: Any) -> Any:
        p = jnp.full(rows, float(length))
        (state, _), (_, slope) = jax.jvp(lambda point: path(key, point), (p,), (jnp.ones(rows),))
        return state**2 * slope

    compiled, keys = jax.jit(draw_rows), _keys(jax)
    return lambda: compiled(next(keys)).block_until_ready()


def _keys(jax: Any) -> Iterator[Any]:
    key = jax.random.PRNGKey(0)
    while True:
        key, used = jax.random.split(key)
        yield used


def _storchastic(length: int, rows: int) -> Run:
    """Return a run with one score-function method for every step; it gives the gradient of the mean over the rows."""
    import storch

    def draw_gradient() -> Tensor | None:
        p = torch.tensor(float(length), requires_grad=True)
        state: Any = torch.zeros(())
        with _deep_recursion(200 * length):
            for k in range(length):
                # The first step makes the rows, the others go on with them.
                method = storch.method.ScoreFunction(f"step{k}", n_samples=1 if k else rows)
                state = state + 2 * method(Bernoulli(torch.exp(-state / p))) - 1
            storch.add_cost(state**2, "cost")
            storch.backward()
        return p.grad

    return draw_gradient


@contextmanager
def _deep_recursion(limit: int) -> Iterator[None]:
    """Allow deep recursion, since Storchastic walks its graph by recursion."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(before, limit))
    try:
        yield
    finally:
        sys.setrecursionlimit(before)

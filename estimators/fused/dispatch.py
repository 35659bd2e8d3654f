"""The choice of the estimators that run as a compiled walk, and of the programs on which they do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from ..conditional_triples import ConditionalTriple, ConditionalTripleControlVariate
from ..protocol import Estimator, Program
from ..runs.branching import BranchSource
from ..score_function import FittedBaseline, LeaveOneOut, ScoreFunction
from ..stochastic_triples import StochasticTriple
from .alternatives import ONE_SIDED, Alternatives, Shares, alternatives, jumps_part
from .chain import Chain, read_chain
from .walks import engine_for, run_walk

__all__ = ["Fused", "fuse", "fused_objectives"]


@dataclass(frozen=True)
class Fused:
    """An estimator whose rows are drawn by walking tables where it has such a walk, and by itself elsewhere.

    The rows have the law of the estimator's own up to probabilities that differ by 2^-32, and are other rows for the same
    seed. Memory: a few numbers a row, whatever the number of steps. Walk steps a second and core: a billion with numba, a
    hundred million without, roughly.

    Args:
        estimator: Any estimator; `fused` tells whether it gains anything.
        engine: ``numba`` (CPU), ``Triton`` (CUDA) or ``PyTorch``.

    Example:
        >>> import torch
        >>> from torch.distributions import Bernoulli
        >>> from gradverify.estimators import MarkovProgram, ScoreFunction
        >>> coin = MarkovProgram(
        ...     num_steps=3,
        ...     initial=torch.zeros_like,
        ...     site=lambda params, state, k: Bernoulli(params.expand_as(state)),
        ...     step=lambda state, value, k: state + value,
        ...     objective=torch.square,
        ...     states=torch.arange(4.0),
        ... )
        >>> rows = Fused(ScoreFunction())(coin, torch.tensor(0.5), 1000, torch.Generator().manual_seed(0))
        >>> sorted(set(rows.abs().tolist()))
        [0.0, 2.0, 8.0, 54.0]
    """

    estimator: Estimator
    engine: str = "PyTorch"

    def __call__(
        self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator
    ) -> Float[Tensor, "{num_samples} *param"]:
        """Return replicates, ``[num_samples, *param]``."""
        chain = None if isinstance(generator, BranchSource) else _chain(self.estimator, program, params)
        if chain is None:
            return self.estimator(program, params, num_samples, generator)
        return _ROWS[type(self.estimator)](self.estimator, _Draw(self.engine, chain, num_samples, params.dtype, generator))


def fuse(estimator: Estimator, program: Program, params: Tensor) -> Estimator:
    """Return the estimator with the fastest installed walks if it has any on this program, else the estimator itself.

    There are walks for the score function (also fitted, also leave-one-out), stochastic triples and conditional triples along
    any flow or mixture of flows, on finite chains of two outcomes a step with a scalar parameter (`read_chain`); for
    conditional triples only where no state has more alternatives than they have lanes, so that none is ever left out.

    Args:
        estimator: The estimator, fitted if it learns. A subclass is another estimator.
        program: The program that it will be run on.
        params: The point, ``[*param]``.
    """
    if _chain(estimator, program, params) is None:
        return estimator
    return Fused(estimator, engine_for(params.device.type))


def fused_objectives(program: Program, params: Tensor, rows: int, generator: torch.Generator) -> Tensor | None:
    """Return the objective of plain runs, ``[rows]``, by walking tables, or None if the program has none."""
    chain = read_chain(program, params)
    if chain is None:
        return None
    draw = _Draw(engine_for(params.device.type), chain, rows, params.dtype, generator)
    return draw.table(chain.value, *draw.walk("forward"))


@dataclass(frozen=True, eq=False)
class _Draw:
    """Rows to draw from a chain."""

    engine: str
    chain: Chain
    rows: int
    dtype: torch.dtype
    generator: torch.Generator

    def walk(self, walk: str, beside: Alternatives | None = None) -> tuple[Tensor, ...]:
        return run_walk(self.engine, walk, self.chain, self.rows, self.dtype, self.generator, beside)

    def table(self, values: Any, states: Tensor) -> Tensor:
        """Return a number for every row, from one for every state."""
        return torch.as_tensor(values, dtype=self.dtype, device=states.device).index_select(0, states)


def _chain(estimator: Estimator, program: Program, params: Tensor) -> Chain | None:
    """Return the chain to walk, or None if the estimator has to run by itself."""
    if type(estimator) not in _ROWS or params.dtype not in (torch.float32, torch.float64):
        return None
    chain = read_chain(program, params)
    if chain is not None and isinstance(estimator, ConditionalTriple | ConditionalTripleControlVariate):
        return None if _find_alternatives(estimator, chain) is None else chain
    return chain


def _find_alternatives(estimator: ConditionalTriple | ConditionalTripleControlVariate, chain: Chain) -> Alternatives | None:
    """Return all alternatives that the estimator carries, or None if it has too few lanes."""
    shares: Shares = tuple(estimator.shares.items())
    return alternatives(chain, shares, estimator.lanes)


def _score(estimator: ScoreFunction, draw: _Draw) -> Tensor:
    """Return ``(f - b) sum_k dlog p_k``."""
    states, score = draw.walk("score")
    return (draw.table(draw.chain.value, states) - estimator.baseline) * score


def _leave_one_out(estimator: LeaveOneOut, draw: _Draw) -> Tensor:
    """Return ``1 / (K - 1) sum_k (f_k - mean f) dlog p_k``; the runs of a group lie side by side."""
    group = estimator.group
    runs = replace(draw, rows=draw.rows * group)
    states, score = (each.reshape(draw.rows, group) for each in runs.walk("score"))
    objective = runs.table(draw.chain.value, states.reshape(-1)).reshape(draw.rows, group)
    return ((objective - objective.mean(1, keepdim=True)) * score).sum(1) / (group - 1)


def _stochastic_triple(estimator: StochasticTriple, draw: _Draw) -> Tensor:
    """Return ``W (f(alternative) - f)``."""
    single = alternatives(draw.chain, ONE_SIDED, 1) if jumps_part(draw.chain) else None
    if single is not None:
        states, weight = draw.walk("drawn", single)
        return draw.table(single.gain[:, 0], states) * weight
    states, others, weight = draw.walk("paired")
    return (draw.table(draw.chain.value, others) - draw.table(draw.chain.value, states)) * weight


def _conditional_triple(estimator: ConditionalTriple | ConditionalTripleControlVariate, draw: _Draw) -> Tensor:
    """Return ``sum E[W | path] (f(alternative) - f)`` over the alternatives."""
    followed = _find_alternatives(estimator, draw.chain)
    assert followed is not None
    states, weight = draw.walk("averaged", followed)
    return (draw.table(followed.gain, states) * weight).sum(1)


_ROWS: dict[type, Callable[[Any, _Draw], Tensor]] = {
    ScoreFunction: _score,
    FittedBaseline: _score,
    LeaveOneOut: _leave_one_out,
    StochasticTriple: _stochastic_triple,
    ConditionalTriple: _conditional_triple,
    ConditionalTripleControlVariate: _conditional_triple,
}

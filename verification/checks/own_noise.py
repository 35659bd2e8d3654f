"""Noise of an estimator's own: random numbers beside those that draw the program's sites."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.distributions import Distribution
from torch.overrides import TorchFunctionMode

from ...estimators.protocol import Estimator, Sample
from ..problems.problem import Problem

__all__ = ["draws_own_noise"]

ROWS = 64

_RANDOM = frozenset((
    "alpha_dropout", "bernoulli", "bernoulli_", "binomial", "cauchy_", "dropout", "exponential_", "feature_dropout",
    "geometric_", "gumbel_softmax", "log_normal_", "multinomial", "native_dropout", "normal", "normal_", "poisson",
    "rand", "rand_like", "randint", "randint_like", "randn", "randn_like", "random_", "randperm", "rrelu", "uniform_",
    "_sample_dirichlet", "_standard_gamma",
))  # fmt: skip
"""The functions of PyTorch that draw random numbers, by name."""


def draws_own_noise(estimator: Estimator, problem: Problem, generator: torch.Generator) -> bool:
    """Return True if an estimator draws more than the outcomes of the program's sites, such as a roulette of its own.

    A rare branch of the estimator's own has a probability that nobody knows. If all its rows are equal, they may be waiting for
    that branch; so they refute nothing. An estimator that draws outcomes alone has no branch but the program's.

    One random call within each sampling of a site draws its outcomes. Another one there, or one beside the sites, with a number
    for every row, is noise of the estimator's own, as is any use of NumPy's global generator.

    Args:
        estimator: The estimator, fitted if it learns.
        problem: The problem; its program is run once by the estimator, on 64 rows.
        generator: The source of randomness.
    """
    watch = _NoiseWatch(ROWS)

    def watched_program(params: Tensor, sample: Sample) -> Tensor:
        def watching(distribution: Distribution) -> Tensor:
            with watch.site():
                return sample(distribution)

        return problem.program(params, watching)

    before = _numpy_state()
    try:
        with watch:
            estimator(watched_program, problem.params.clone(), ROWS, generator)
    except Exception:  # it knows its own program alone, and may do anything there
        return True
    return watch.own or _numpy_state() != before


class _NoiseWatch(TorchFunctionMode):
    """A context that counts random calls within the sampling of a site, and notes those beside it."""

    def __init__(self, rows: int) -> None:
        super().__init__()
        self.own = False
        self._rows = rows
        self._calls: int | None = None

    def site(self) -> _Site:
        """Return a context within which one random call draws the outcomes of a site."""
        return _Site(self)

    def begin(self) -> None:
        """Begin the sampling of a site."""
        self._calls = 0

    def end(self) -> None:
        """End the sampling of a site."""
        self.own |= (self._calls or 0) > 1
        self._calls = None

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Call a function of PyTorch, and count it if it draws numbers for the rows."""
        result = func(*args, **(kwargs or {}))
        if getattr(func, "__name__", "") in _RANDOM and isinstance(result, Tensor) and result.numel() >= self._rows:
            if self._calls is None:
                self.own = True
            else:
                self._calls += 1
        return result


class _Site:
    """The sampling of one site, as a context."""

    def __init__(self, watch: _NoiseWatch) -> None:
        self._watch = watch

    def __enter__(self) -> None:
        self._watch.begin()

    def __exit__(self, *exception: object) -> None:
        self._watch.end()


def _numpy_state() -> tuple[bytes, int]:
    """Return the state of NumPy's global generator, not of Python's: run-time type checkers draw from it."""
    state = np.random.get_state(legacy=False)["state"]
    return state["key"].tobytes(), int(state["pos"])

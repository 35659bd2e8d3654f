"""Noise of an estimator's own: random numbers beside those that draw the program's sites."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.distributions import Distribution
from torch.overrides import TorchFunctionMode

from ...estimators.protocol import Estimator, Sample
from ..problems.problem import Problem
from .forced_noise import RANDOM, ForcedNoise

__all__ = ["find_waiting"]

ROWS = 64

_DRAWING = frozenset((
    "beta", "betavariate", "binomial", "choice", "choices", "default_rng", "expovariate", "exponential", "gamma", "gauss",
    "geometric", "gumbel", "logistic", "lognormal", "lognormvariate", "multinomial", "normal", "normalvariate", "permutation",
    "poisson", "rand", "randint", "randn", "random", "random_integers", "random_sample", "randrange", "ranf", "sample",
    "shuffle", "standard_normal", "triangular", "uniform",
))  # fmt: skip
"""The functions of Python's and of NumPy's module ``random`` that draw, or that make a generator."""

_MIXTURES = 8
_ROUNDINGS = 64


def find_waiting(estimator: Estimator, problem: Problem, generator: torch.Generator) -> tuple[bool, ...]:
    """Return, for each parameter, True if equal rows may be waiting for a rare branch of the estimator's own.

    A rare branch of the estimator's own, such as a roulette, has a probability that nobody knows. If all its rows are equal,
    they may be waiting for that branch; so they refute nothing. An estimator that draws outcomes alone has no branch but the
    program's.

    One random call within each sampling of a site draws its outcomes. Another one there, or one beside the sites, with a number
    for every row, is noise of the estimator's own. So is any number of PyTorch's, NumPy's or Python's global generators beside
    the sites: a single number that is drawn from ``generator`` may be a seed, and those of foreign code come from elsewhere.
    A parameter whose rows are equal, and stay so with that noise at the ends of its range, is not waiting.

    Args:
        estimator: The estimator, fitted if it learns.
        problem: The problem; its program is run by the estimator on 64 rows, once if it draws outcomes alone, else 11 times.
        generator: The source of randomness.

    Returns:
        ``[d]``.
    """
    watch, size = _NoiseWatch(ROWS), problem.params.numel()

    def watched_program(params: Tensor, sample: Sample) -> Tensor:
        def watching(distribution: Distribution) -> Tensor:
            with watch.site():
                return sample(distribution)

        return problem.program(params, watching)

    try:
        with watch, _noise_of_others(watch):
            rows = estimator(watched_program, problem.params.clone(), ROWS, generator)
        if not watch.own:
            return (False,) * size
        waiting = None if watch.hidden else _force(estimator, problem, generator, rows.reshape(ROWS, -1))
    except Exception:  # it knows its own program alone, and may do anything there
        waiting = None
    return (True,) * size if waiting is None else tuple(waiting.tolist())


def _force(estimator: Estimator, problem: Problem, generator: torch.Generator, rows: Tensor) -> Tensor | None:
    """Return the parameters whose rows differ, or do so with noise at its ends, ``[d]``; None if some noise is not forced."""
    first, rounding = rows[:1], _ROUNDINGS * torch.finfo(rows.dtype).eps
    alike = torch.isclose(rows, first, rtol=rounding, atol=rounding).all(0)
    ends = (ForcedNoise(lambda: False), ForcedNoise(lambda: True))
    for noise in (*ends, *(ForcedNoise.mix(seed) for seed in range(_MIXTURES))):
        with noise:
            forced = estimator(problem.program, problem.params.clone(), ROWS, generator).reshape(ROWS, -1)
        if not noise.complete:
            return None
        alike &= torch.isclose(forced, first, rtol=rounding, atol=rounding).all(0)
    return ~alike


class _NoiseWatch(TorchFunctionMode):
    """A context that counts random calls within the sampling of a site, and notes those beside it.

    Attributes:
        own: True if there was noise of the estimator's own.
        hidden: True if some of it was not PyTorch's.
    """

    def __init__(self, rows: int) -> None:
        super().__init__()
        self.own = False
        self.hidden = False
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
        if getattr(func, "__name__", "") in RANDOM and isinstance(result, Tensor):
            for_rows = result.numel() >= self._rows
            if self._calls is None:
                self.own |= for_rows or (kwargs or {}).get("generator") is None
            else:
                self._calls += for_rows
        return result


class _Site:
    """The sampling of one site, as a context."""

    def __init__(self, watch: _NoiseWatch) -> None:
        self._watch = watch

    def __enter__(self) -> None:
        self._watch.begin()

    def __exit__(self, *exception: object) -> None:
        self._watch.end()


@contextmanager
def _noise_of_others(watch: _NoiseWatch) -> Iterator[None]:
    """Note the calls of Python's and NumPy's global generators, by the functions that code calls.

    Their states tell less: type checkers draw from Python's, and foreign code's are put back after each of its calls.
    """

    def noting(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            watch.own = watch.hidden = True
            return function(*args, **kwargs)

        return call

    with ExitStack() as stack:
        for module in (random, np.random):
            for name in _DRAWING & vars(module).keys():
                kept = getattr(module, name)
                setattr(module, name, noting(kept))
                stack.callback(setattr, module, name, kept)
        yield

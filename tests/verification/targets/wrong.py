"""Estimators with one mistake each, for checks to find; all of them claim to be unbiased."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from gradverify.estimators import Estimator, LeaveOneOut, Program, ScoreFunction
from gradverify.estimators.protocol import NotApplicableError, evaluate, row_gradients, row_leaf
from gradverify.estimators.runs.relaxed import differentiate, one_hot
from gradverify.estimators.runs.tape import Tape, draw, recording

__all__ = [
    "NOT_AN_ESTIMATOR",
    "SOUND",
    "Attached",
    "CoupledRows",
    "Deadly",
    "Detached",
    "Doubled",
    "DoubledHalves",
    "Forgetful",
    "GlobalRandomness",
    "Impatient",
    "OwnSampleBaseline",
    "Scaled",
    "SinglePrecision",
    "Sparse",
    "Spoiled",
    "StaleSeed",
    "Subclassed",
    "Unfit",
    "WrongShape",
    "Zeros",
    "broken_factory",
    "killed",
    "raising",
]

SOUND = LeaveOneOut()


@dataclass(frozen=True)
class Scaled:
    """A factor that should be one."""

    factor: float = 1.0

    def __call__(self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
        return self.factor * SOUND(program, params, num_samples, generator)


@dataclass(frozen=True)
class OwnSampleBaseline:
    """The mean of a group as the baseline of each of its members, itself included: short by 1 / group."""

    group: int = 4

    def __call__(self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
        return (1 - 1 / self.group) * LeaveOneOut(self.group)(program, params, num_samples, generator)


@dataclass(frozen=True)
class CoupledRows:
    """The mean objective of the batch as its baseline, each row's own among them."""

    def __call__(self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
        tape = Tape()
        leaf = row_leaf(params, num_samples)
        objective = evaluate(program, leaf, recording(num_samples, generator, tape))
        score = sum(each.site.score_surrogate(each.index).reshape(num_samples, -1).sum(1) for each in tape.draws)
        return row_gradients((objective.detach() - objective.detach().mean()) * score + objective, leaf)


@dataclass(frozen=True)
class Detached:
    """A relaxation whose sample was detached from its probabilities."""

    def __call__(self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
        return differentiate(lambda site, g: one_hot(site, draw(site, g)), program, params, num_samples, generator)


@dataclass(frozen=True)
class Zeros:
    """The gradient at fixed samples: where parameters enter through probabilities alone, zero."""

    def __call__(self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
        leaf = row_leaf(params, num_samples)
        return row_gradients(evaluate(program, leaf, recording(num_samples, generator, Tape())).detach(), leaf)


@dataclass(frozen=True)
class WrongShape:
    """One row too few."""

    def __call__(self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
        return SOUND(program, params, num_samples, generator)[1:]


@dataclass(frozen=True)
class SinglePrecision:
    """Rows in float32, whatever the parameters."""

    def __call__(self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
        return SOUND(program, params, num_samples, generator).float()


@dataclass(frozen=True)
class Attached:
    """Rows that still hold the graph."""

    def __call__(self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
        return SOUND(program, params, num_samples, generator).requires_grad_()


@dataclass(frozen=True)
class GlobalRandomness:
    """Noise from PyTorch's global generator."""

    def __call__(self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
        rows = SOUND(program, params, num_samples, generator)
        return rows + torch.rand(rows.shape, dtype=rows.dtype) - 0.5


@dataclass(frozen=True)
class StaleSeed:
    """The same generator every time, whichever was given."""

    def __call__(self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
        return SOUND(program, params, num_samples, torch.Generator().manual_seed(1))


@dataclass(frozen=True)
class Doubled:
    """Every row twice, one behind the other; only from 65 rows on, so that isolation cannot see it."""

    def __call__(self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
        if num_samples <= 64:
            return SOUND(program, params, num_samples, generator)
        return SOUND(program, params, num_samples // 2, generator).repeat_interleave(2, 0)


@dataclass(frozen=True)
class DoubledHalves:
    """Every row twice, half a chunk apart; only from 65 rows on."""

    def __call__(self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
        if num_samples <= 64:
            return SOUND(program, params, num_samples, generator)
        return SOUND(program, params, num_samples // 2, generator).repeat(2, *(1 for _ in params.shape))


@dataclass(frozen=True)
class Spoiled:
    """A sound estimate with a value of the caller's in some rows, from 65 rows on.

    Attributes:
        value: What stands there: NaN, an infinity, or a number so large that its square is one.
        rate: In how many rows.
    """

    value: float
    rate: float

    def __call__(self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
        rows = SOUND(program, params, num_samples, generator)
        if num_samples <= 64:
            return rows
        hit = torch.rand(num_samples, generator=generator) < self.rate
        return torch.where(hit.reshape(-1, *(1 for _ in params.shape)), self.value, rows)


@dataclass(frozen=True)
class Sparse:
    """``truth / p`` with probability p, else zero: unbiased, independent, and almost always zero."""

    truth: float
    p: float

    def __call__(self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
        hit = torch.rand(num_samples, *params.shape, generator=generator, dtype=torch.float64) < self.p
        return torch.where(hit, self.truth / self.p, 0.0).to(params)


@dataclass(frozen=True)
class Unfit:
    """One that refuses while it is being fitted."""

    def fit(self, program: Program, params: Tensor, *, num_samples: int, generator: torch.Generator) -> Unfit:
        raise NotApplicableError("unfit: it needs sixteen sites, the program has fewer")

    def __call__(self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
        return SOUND(program, params, num_samples, generator)


class Forgetful:
    """Not a dataclass: what it prints of itself holds a memory address."""

    def __call__(self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
        return SOUND(program, params, num_samples, generator)


@dataclass(frozen=True)
class Deadly:
    """Kills its own process on a program of three bits (and on no other)."""

    signal: int = 0

    def __call__(self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
        if params.shape == (3,):
            if self.signal:
                os.kill(os.getpid(), self.signal)
            os._exit(7)
        return SOUND(program, params, num_samples, generator)


@dataclass(frozen=True)
class Impatient:
    """Sleeps for longer than anybody waits on a program of three bits."""

    def __call__(self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
        if params.shape == (3,):
            time.sleep(300)
        return SOUND(program, params, num_samples, generator)


class Subclassed(ScoreFunction):
    """Another rule under the score function's class: its variance is its own."""

    def __call__(self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
        return SOUND(program, params, num_samples, generator)


def raising(error: Exception) -> Estimator:
    """An estimator that raises."""

    def estimate(program: Program, params: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
        raise error

    return estimate


def killed() -> Deadly:
    """One that is killed rather than ending itself."""
    return Deadly(signal.SIGKILL)


def broken_factory() -> Callable:
    """A factory that raises."""
    raise RuntimeError("no licence")


NOT_AN_ESTIMATOR = 3

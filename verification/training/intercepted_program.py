"""Ordinary code as a program: its draws become sampling sites, and rows are calls of the code as it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Distribution

from ...estimators.protocol import Sample
from .interception import Interception, NextDraw, watched_distributions
from .laws import Draw, UnseenRandomnessError
from .named_parameters import NamedParameters

__all__ = ["InterceptedProgram", "kept_buffers", "read_scalar"]

MOST_DRAWS = 10_000
"""The draws of one run at most; code that draws on without an end is stopped there."""

_MOST_PATHS = 500
_TRIALS = 2

_Enter = Callable[[Interception], AbstractContextManager[None]]


def read_scalar(result: Any, name: str) -> Tensor:
    """Return the loss that code returned: a scalar, the first of a tuple, or a dictionary's ``loss``.

    Raises:
        TypeError: It is none of these.
    """
    found = result["loss"] if isinstance(result, dict) and "loss" in result else result
    found = found[0] if isinstance(found, tuple | list) and found else found
    if isinstance(found, float | int):
        return torch.as_tensor(float(found))
    if not isinstance(found, Tensor) or found.numel() != 1:
        shape = f"a tensor of shape {tuple(found.shape)}" if isinstance(found, Tensor) else f"a {type(found).__name__}"
        raise TypeError(
            f"{name} returned {shape}; expected a scalar, a tuple that begins with one, or a dictionary with 'loss'"
        )
    return found.reshape(())


@contextmanager
def kept_buffers(parameters: NamedParameters) -> Iterator[None]:
    """Put the buffers of a module back at the end of the block, such as running means."""
    kept = [buffer.clone() for buffer in parameters.buffers]
    try:
        yield
    finally:
        with torch.no_grad():
            for buffer, value in zip(parameters.buffers, kept, strict=True):
                buffer.copy_(value)


@dataclass(frozen=True, eq=False)
class InterceptedProgram:
    """A program ``(params[rows, d], sample) -> [rows]`` whose rows are calls of ordinary code without arguments.

    A pass over the code with the values that are known reaches the next draw; it is sampled for all rows at once, and the next
    pass goes on from there. So one run takes one pass more than it has draws. A pass runs the code once for all rows by
    `torch.func.vmap` where the code allows it, and once a row otherwise: then draws may depend on what was drawn before, and
    rows that have ended sample bits that nobody reads.

    Attributes:
        code: The code.
        parameters: The tensors that are differentiated in.
        sign: 1, or -1 if the code's value is maximised.
        reason: The reason why the code is called once a row; empty if it is run for all rows at once.
        draws_noise: True if it draws numbers of a continuous law.
        draws_whole: True if it draws whole numbers, such as indices.
        idle: For code that is called once a row, what a row draws that has ended, as often as the longest run draws.
    """

    code: Callable[[], Any]
    parameters: NamedParameters
    sign: float = 1.0
    reason: str = ""
    draws_noise: bool = False
    draws_whole: bool = False
    idle: tuple[Draw, ...] = ()

    @classmethod
    def of(cls, code: Callable[[], Any], parameters: NamedParameters, sign: float = 1.0) -> InterceptedProgram:
        """Return the program of some code, run for all rows at once if that works and gives what calls of the code give.

        Raises:
            ValueError: The code draws more often than `MOST_DRAWS` times in one run.
        """
        idle = _explore(cls(code, parameters))
        together = cls(
            code,
            parameters,
            sign,
            draws_noise=any(not draw.tensors for draw in idle),
            draws_whole=any(draw.whole for draw in idle),
        )
        alone = replace(together, reason="not tried", idle=idle)
        params = parameters.flatten().expand(3, -1)
        values: list[Tensor] = []

        def record(distribution: Distribution) -> Tensor:
            values.append(distribution.sample())
            return values[-1]

        with torch.random.fork_rng():
            torch.manual_seed(0)
            expected = alone(params, record)
        replayed = iter(values)
        try:
            found = together(params, lambda _: next(replayed))
        except Exception as error:
            said = str(error).partition("\n")[0]
            return replace(alone, reason=f"{type(error).__name__}: {said}"[:120])
        alike = torch.allclose(found, expected, rtol=1e-4, atol=1e-6)
        return together if alike else replace(alone, reason="run for all rows at once, it gave other values")

    def __call__(self, params: Tensor, sample: Sample) -> Tensor:
        """Return the code's value in each row, ``[rows]``."""
        drawn: list[Tensor] = []
        run = self._pass_row_by_row if self.reason else self._pass_together
        with watched_distributions() as enter, kept_buffers(self.parameters):
            while len(drawn) <= MOST_DRAWS:
                reached = run(enter, params, drawn)
                if isinstance(reached, Tensor):
                    return self.sign * reached.to(params.dtype)
                drawn.append(sample(reached))
        raise ValueError(f"a run draws more than {MOST_DRAWS} times; give the code an end")

    def reach(self, row: Tensor, drawn: Sequence[Tensor]) -> Tensor | Draw:
        """Run the code in one row ``[d]`` with the values of its first draws; return the next draw, or the code's value."""
        with watched_distributions() as enter, kept_buffers(self.parameters):
            return self._run(enter, row, drawn)

    def _run(self, enter: _Enter, row: Tensor, drawn: Sequence[Tensor]) -> Tensor | Draw:
        run = Interception(self.parameters.split(row), drawn)
        try:
            with enter(run):
                result = self.code()
        except NextDraw as reached:
            return reached.draw
        value: Tensor = run.replace(read_scalar(result, "the code"))
        return value

    def _pass_together(self, enter: _Enter, params: Tensor, drawn: Sequence[Tensor]) -> Tensor | Distribution:
        draws: list[Draw] = []

        def run_row(row: Tensor, *values: Tensor) -> tuple[Tensor, ...]:
            reached = self._run(enter, row, values)
            if isinstance(reached, Tensor):
                return (reached,)
            draws.append(reached)
            return reached.tensors or (row.sum(),)

        found = torch.func.vmap(run_row)(params, *drawn)
        if not draws:
            return found[0]
        return draws[0].build(len(params), *(found if draws[0].tensors else ()))

    def _pass_row_by_row(self, enter: _Enter, params: Tensor, drawn: Sequence[Tensor]) -> Tensor | Distribution:
        reached = []
        for number, row in enumerate(params):
            with kept_buffers(self.parameters):
                reached.append(self._run(enter, row, [values[number] for values in drawn]))
        ended = [each for each in reached if isinstance(each, Tensor)]
        if len(ended) == len(reached) and len(drawn) >= len(self.idle):
            return torch.stack(ended)
        if len(drawn) >= len(self.idle):
            raise ValueError(
                f"a run draws more than {len(self.idle)} times, which no trial did; give the code's loop a fixed limit"
            )
        return _join([each if isinstance(each, Draw) else None for each in reached], self.idle[len(drawn)])


def _join(draws: list[Draw | None], idle: Draw) -> Distribution:
    """Return the distribution of the draws of all rows; a row that has ended takes one that nobody reads."""
    rows = [idle if draw is None else draw for draw in draws]
    built = [draw.build(1, *(tensor[None] for tensor in draw.tensors)) for draw in rows]
    kinds = {f"{type(each).__name__} of shape {tuple(each.batch_shape[1:] + each.event_shape)}" for each in built}
    if len(kinds) > 1:
        raise UnseenRandomnessError(
            f"at the same place, rows draw from different laws ({', '.join(sorted(kinds))}); the kind and the shape of a law "
            "may not depend on earlier draws, so draw the same in all cases and leave out what is not needed"
        )
    columns = zip(*(draw.tensors for draw in rows), strict=True)
    return rows[0].build(len(rows), *(torch.stack(column) for column in columns))


def _explore(program: InterceptedProgram) -> tuple[Draw, ...]:
    """Return the draws of the longest run, without their graphs: of all runs if they are few, else of those that were tried."""
    params = program.parameters.flatten()
    longest: tuple[Draw, ...] = ()
    with torch.no_grad(), torch.random.fork_rng():
        torch.manual_seed(0)
        paths: list[tuple[tuple[Draw, ...], tuple[Tensor, ...]]] = [((), ())]
        for _ in range(_MOST_PATHS):
            draws, values = paths.pop()
            reached = program.reach(params, values)
            if isinstance(reached, Draw):
                draws = (*draws, replace(reached, tensors=tuple(tensor.detach() for tensor in reached.tensors)))
                if len(draws) > MOST_DRAWS:
                    raise ValueError(f"a run draws more than {MOST_DRAWS} times; give the code an end")
                paths += [(draws, (*values, value)) for value in _list_values(reached)]
            longest = max(longest, draws, key=len)
            if not paths:
                break
    return longest


def _list_values(draw: Draw) -> list[Tensor]:
    """Return the values to try of a draw: all its outcomes if they are few, else one that is drawn; the last is tried first."""
    distribution = draw.build(1, *(tensor[None] for tensor in draw.tensors))
    elements = distribution.batch_shape.numel()
    if distribution.has_enumerate_support and elements == 1:
        return list(distribution.enumerate_support()[:, 0])
    return [distribution.sample()[0] for _ in range(_TRIALS)]

"""Ordinary code, run with its parameters replaced and its draws handed out."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from types import FrameType
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Distribution
from torch.nn import functional
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_map

from ..checks.forced_noise import RANDOM
from .laws import OPEN, Draw, UnseenRandomnessError, bits, categories, read_distribution, uniforms

__all__ = ["Interception", "NextDraw", "Substitution", "watched_distributions"]


class NextDraw(BaseException):
    """Code has reached a draw whose value is not known yet; it is no `Exception`, so that the code does not swallow it.

    Attributes:
        draw: The draw.
    """

    def __init__(self, draw: Draw) -> None:
        super().__init__()
        self.draw = draw


class Substitution(TorchFunctionMode):
    """A context in which other tensors stand for the parameters, wherever an operation of PyTorch takes one.

    Args:
        values: The tensor that stands for each parameter, by the parameter's ``id``.
    """

    def __init__(self, values: Mapping[int, Tensor]) -> None:
        super().__init__()
        self._values = values

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Call a function of PyTorch with the values in place of the parameters."""
        return func(*tree_map(self.replace, args), **tree_map(self.replace, dict(kwargs or {})))

    def replace(self, value: Any) -> Any:
        """Return the tensor that stands for a parameter, and anything else as it is."""
        return self._values.get(id(value), value) if isinstance(value, Tensor) else value


class Interception(Substitution):
    """A `Substitution` in which the code's draws are also handed out, one after the other.

    Args:
        values: As in `Substitution`.
        drawn: The sampled values of the first draws; the next one raises `NextDraw`.

    Attributes:
        scored: The place at which the log-probability of a value was taken that had been handed out; empty if there is none.
    """

    def __init__(self, values: Mapping[int, Tensor], drawn: Sequence[Tensor]) -> None:
        super().__init__(values)
        self.scored = ""
        self._drawn = drawn
        self._count = 0
        self._handed: list[Tensor] = []

    def hand_out(self, draw: Draw) -> Tensor:
        """Return the value of the next draw.

        Raises:
            NextDraw: It is not known yet.
        """
        if self._count >= len(self._drawn):
            raise NextDraw(draw)
        self._count += 1
        value = draw.read(self._drawn[self._count - 1])
        self._handed.append(value)
        return value

    def sample(self, distribution: Distribution, sample_shape: Any = ()) -> Tensor:
        """Return a value of a distribution's exact law.

        Raises:
            UnseenRandomnessError: The law is not known.
        """
        draw = read_distribution(distribution, torch.Size(sample_shape))
        if draw is None:
            raise UnseenRandomnessError(_unseen(type(distribution).__name__))
        return self.hand_out(draw)

    def note_score(self, value: Any) -> None:
        """Take note of a log-probability that is taken of a value."""
        if not self.scored and any(value is handed for handed in self._handed):
            self.scored = _find_place()

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Call a function of PyTorch, or hand out a value if it draws."""
        args, named = tree_map(self.replace, args), tree_map(self.replace, dict(kwargs or {}))
        read = _DRAWS.get(func)
        if read is not None:
            return read(self, *args, **named)
        if getattr(func, "__name__", "") in RANDOM:
            raise UnseenRandomnessError(_unseen(f"torch's {func.__name__}"))
        return func(*args, **named)


def _bernoulli(run: Interception, probs: Tensor, *, generator: object = None, **_: Any) -> Tensor:
    return run.hand_out(bits(probs)).to(probs)


def _bernoulli_(run: Interception, target: Tensor, p: float | Tensor = 0.5, *, generator: object = None) -> Tensor:
    return target.copy_(run.hand_out(bits(torch.as_tensor(p, dtype=torch.get_default_dtype()).expand(target.shape))))


def _multinomial(
    run: Interception, weights: Tensor, num_samples: int, replacement: bool = False, *, generator: object = None
) -> Tensor:
    if num_samples > 1 and not replacement:
        raise UnseenRandomnessError(_unseen("torch's multinomial without replacement"))
    return run.hand_out(categories(weights, num_samples))


def _gumbel_softmax(
    run: Interception, logits: Tensor, tau: float = 1, hard: bool = False, eps: float = 1e-10, dim: int = -1
) -> Tensor:
    law = torch.distributions.OneHotCategorical(logits=logits.movedim(dim, -1), validate_args=False)
    return run.sample(law).movedim(-1, dim)


def _dropout(run: Interception, target: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    if not training or p == 0:
        return target
    if p == 1:
        return target * 0
    kept = run.hand_out(bits(torch.full_like(target.detach(), 1 - p))) / (1 - p)
    return target.mul_(kept) if inplace else target * kept


def _shape_of(size: tuple[Any, ...]) -> torch.Size:
    return torch.Size(size[0] if len(size) == 1 and not isinstance(size[0], int) else size)


def _empty(dtype: torch.dtype | None, device: Any = None) -> Tensor:
    return torch.empty((), dtype=dtype or torch.get_default_dtype(), device=device)


def _to_normal(value: Tensor) -> Tensor:
    normal: Tensor = torch.special.ndtri(value.clamp(OPEN, 1 - OPEN))
    return normal


def _rand(run: Interception, *size: Any, dtype: torch.dtype | None = None, device: Any = None, **_: Any) -> Tensor:
    return run.hand_out(uniforms(_shape_of(size), _empty(dtype, device)))


def _randn(run: Interception, *size: Any, dtype: torch.dtype | None = None, device: Any = None, **_: Any) -> Tensor:
    return run.hand_out(uniforms(_shape_of(size), _empty(dtype, device), _to_normal))


def _rand_like(run: Interception, target: Tensor, *, dtype: torch.dtype | None = None, **_: Any) -> Tensor:
    return run.hand_out(uniforms(target.shape, _empty(dtype or target.dtype, target.device)))


def _randn_like(run: Interception, target: Tensor, *, dtype: torch.dtype | None = None, **_: Any) -> Tensor:
    return run.hand_out(uniforms(target.shape, _empty(dtype or target.dtype, target.device), _to_normal))


def _normal(run: Interception, mean: Any = 0.0, std: Any = 1.0, size: Any = None, **_: Any) -> Tensor:
    like = next((each for each in (mean, std) if isinstance(each, Tensor)), _empty(None))
    shape = torch.Size(size or torch.broadcast_tensors(torch.as_tensor(mean), torch.as_tensor(std))[0].shape)
    value: Tensor = mean + std * run.hand_out(uniforms(shape, like, _to_normal))
    return value


def _uniform_(run: Interception, target: Tensor, low: float = 0.0, high: float = 1.0, **_: Any) -> Tensor:
    return target.copy_(low + (high - low) * run.hand_out(uniforms(target.shape, target)))


def _normal_(run: Interception, target: Tensor, mean: float = 0.0, std: float = 1.0, **_: Any) -> Tensor:
    return target.copy_(mean + std * run.hand_out(uniforms(target.shape, target, _to_normal)))


_DRAWS: Mapping[Callable[..., Any], Callable[..., Tensor]] = {
    torch.bernoulli: _bernoulli,
    Tensor.bernoulli: _bernoulli,
    Tensor.bernoulli_: _bernoulli_,
    torch.multinomial: _multinomial,
    Tensor.multinomial: _multinomial,
    functional.gumbel_softmax: _gumbel_softmax,
    functional.dropout: _dropout,
    torch.rand: _rand,
    torch.randn: _randn,
    torch.rand_like: _rand_like,
    torch.randn_like: _randn_like,
    torch.normal: _normal,
    Tensor.uniform_: _uniform_,
    Tensor.normal_: _normal_,
}
"""The functions of PyTorch that draw, and how their values are handed out."""

_SAMPLERS = ("sample", "rsample")


@contextmanager
def watched_distributions() -> Iterator[Callable[[Interception], AbstractContextManager[None]]]:
    """Replace the sampling methods of all distributions until the end of the block.

    Yields:
        A function from an interception to a context in which code runs in it.
    """
    current: list[Interception] = []

    def sampling(original: Callable[..., Tensor]) -> Callable[..., Tensor]:
        def sample(self: Distribution, sample_shape: Any = ()) -> Tensor:
            return current[-1].sample(self, sample_shape) if current else original(self, sample_shape)

        return sample

    def noting(log_prob: Callable[..., Tensor]) -> Callable[..., Tensor]:
        def note_and_score(self: Distribution, value: Any) -> Tensor:
            if current:
                current[-1].note_score(value)
            return log_prob(self, value)

        return note_and_score

    @contextmanager
    def enter(run: Interception) -> Iterator[None]:
        current.append(run)
        try:
            with run:
                yield
        finally:
            current.pop()

    with ExitStack() as stack:
        for kind in _list_kinds(Distribution):
            own = {name: sampling(vars(kind)[name]) for name in _SAMPLERS if name in vars(kind)}
            if "log_prob" in vars(kind):
                own["log_prob"] = noting(vars(kind)["log_prob"])
            for name, replacement in own.items():
                stack.callback(setattr, kind, name, vars(kind)[name])
                setattr(kind, name, replacement)
        yield enter


def _list_kinds(kind: type[Distribution]) -> Iterator[type[Distribution]]:
    yield kind
    for each in kind.__subclasses__():
        yield from _list_kinds(each)


def _unseen(what: str) -> str:
    return (
        f"{_find_place()}: {what} draws numbers of no law that is known here; draw from a distribution of torch.distributions "
        "that is listed or has an inverse distribution function, or by torch.rand, randn, bernoulli, multinomial, dropout"
    )


def _find_place() -> str:
    """Return the file and the line of the innermost frame of the user's code."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        name = frame.f_globals.get("__name__", "")
        if name.partition(".")[0] not in ("torch", "gradverify"):
            return f"{os.path.basename(frame.f_code.co_filename)}, line {frame.f_lineno}"
        frame = frame.f_back
    return "the code"

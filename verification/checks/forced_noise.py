"""Noise at the ends of its range in all rows of a call, which shows if anything waits for it."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

__all__ = ["RANDOM", "ForcedNoise"]

_FARTHEST = 6.0  # standard deviations
_LONGEST = 25.0  # means of an exponential law

_UNIFORM = frozenset(("rand", "rand_like", "uniform_"))
_NORMAL = frozenset(("normal", "normal_", "randn", "randn_like"))
_BITS = frozenset(("bernoulli", "bernoulli_"))
_FORCED = _UNIFORM | _NORMAL | _BITS | {"exponential_", "multinomial"}

RANDOM = _FORCED | {
    "alpha_dropout", "binomial", "cauchy_", "dropout", "feature_dropout", "geometric_", "gumbel_softmax", "log_normal_",
    "native_dropout", "poisson", "randint", "randint_like", "random_", "randperm", "rrelu", "_sample_dirichlet",
    "_standard_gamma",
}  # fmt: skip
"""The functions of PyTorch that draw random numbers, by name."""


class ForcedNoise(TorchFunctionMode):
    """A context in which the numbers of every random call, or of some of them, all lie at one end of their range.

    Uniforms become the least or the greatest number, normals lie six standard deviations out, exponentials are near 0 or 25
    means long, bits are all 0 or all 1, and categories are the likeliest or the least likely possible one.

    Args:
        choose: A function without arguments that returns, for the next call, ``False`` for the low end, ``True`` for the high
            one, and None for the numbers as they were drawn.

    Attributes:
        complete: False once a random function was called whose numbers are not forced. A single number that is drawn from a
            generator may be a seed, and does not count.
    """

    def __init__(self, choose: Callable[[], bool | None]) -> None:
        super().__init__()
        self.complete = True
        self._choose = choose

    @classmethod
    def mix(cls, seed: int) -> ForcedNoise:
        """Return a context that forces each call to one of the ends, or leaves it, at random."""
        source = random.Random(seed)
        return cls(lambda: source.choice((False, True, None)))

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Call a function of PyTorch and move the numbers that it drew to an end."""
        drawn = func(*args, **(kwargs or {}))
        name = getattr(func, "__name__", "")
        if name not in RANDOM or not isinstance(drawn, Tensor):
            return drawn
        seed = drawn.numel() == 1 and (kwargs or {}).get("generator") is not None
        self.complete &= seed or name in _FORCED
        high = self._choose() if name in _FORCED else None
        if high is None:
            return drawn
        with torch.no_grad():
            return drawn.copy_(_end(name, high, drawn, args, kwargs or {}))


def _end(name: str, high: bool, drawn: Tensor, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Tensor:
    """Return the numbers at an end, in the shape of those drawn."""

    def argument(place: int, key: str, otherwise: float) -> Any:
        return args[place] if len(args) > place else kwargs.get(key, otherwise)

    if name in _BITS:
        return torch.full_like(drawn, float(high))
    if name == "multinomial":
        weights = args[0] if args else kwargs["input"]
        ranked = weights.masked_fill(weights <= 0, torch.inf if high else -torch.inf)
        chosen: Tensor = ranked.argmin(-1, keepdim=True) if high else ranked.argmax(-1, keepdim=True)
        return chosen.expand_as(drawn)
    if name == "exponential_":
        rate = float(argument(1, "lambd", 1.0))
        return torch.full_like(drawn, _LONGEST / rate if high else torch.finfo(drawn.dtype).tiny)
    if name in _UNIFORM:
        low, top = (argument(1, "from", 0.0), argument(2, "to", 1.0)) if name == "uniform_" else (0.0, 1.0)
        least = torch.full_like(drawn, float(low))
        return torch.full_like(drawn, float(top)).nextafter(least) if high else least
    first = int(name == "normal_")
    mean, std = (0.0, 1.0) if name.startswith("randn") else (argument(first, "mean", 0.0), argument(first + 1, "std", 1.0))
    end: Tensor = torch.zeros_like(drawn) + mean + (_FARTHEST if high else -_FARTHEST) * std
    return end

"""Peak memory of a computation: the bytes of all tensors that are alive at once."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

__all__ = ["peak_tensor_bytes"]


def peak_tensor_bytes(computation: Callable[[], object]) -> int:
    """Return the most bytes that the tensors of a computation hold at one time, its result among them.

    Every operation is watched, backward passes too. A storage counts from the operation that made it until it is freed;
    buffers inside an operation are not seen. The number is equal on every run; the computation takes several times as long.

    Args:
        computation: A function that is run once.

    Example:
        >>> peak_tensor_bytes(lambda: torch.ones(1000).mul(2.0))
        8000
    """
    with _Watch() as watch:
        computation()
    peak: int = watch.peak
    return peak


class _Watch(TorchDispatchMode):
    """A mode of PyTorch that counts the storages that operations return."""

    def __init__(self) -> None:
        super().__init__()
        self._sizes: dict[int, int] = {}
        self._total = 0
        self.peak = 0

    def __torch_dispatch__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        for each in tree_leaves(result):
            if isinstance(each, Tensor):
                self._meet(each.untyped_storage())
        return result

    def _meet(self, storage: torch.UntypedStorage) -> None:
        key = storage._cdata
        if key not in self._sizes:
            self._sizes[key] = storage.nbytes()
            self._total += storage.nbytes()
            self.peak = max(self.peak, self._total)
            weakref.finalize(storage, self._leave, key)

    def _leave(self, key: int) -> None:
        self._total -= self._sizes.pop(key)

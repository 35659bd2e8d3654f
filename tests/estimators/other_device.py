"""A stand-in for an accelerator: tensors that live on another device, compute on the CPU, and tell when the host waits.

PyTorch's ``meta`` device is lent real numbers. Inside `other_device` a tensor made there is a `Remote`, which holds them on the
CPU; every operation is done on what is held. What an accelerator refuses is refused: tensors of two devices in one operation,
NumPy arrays of remote tensors, drivers that CUDA lacks. Numbers come out as on the CPU, bit by bit, so a path that differs with
the device shows.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode, _disable_current_modes, return_and_correct_aliasing
from torch.utils._pytree import tree_leaves, tree_map_only

__all__ = ["OTHER", "Remote", "local", "other_device"]

OTHER = torch.device("meta")

_aten = torch.ops.aten

_WAITS = {
    _aten._local_scalar_dense.default,
    _aten.nonzero.default,
    _aten.is_nonzero.default,
    _aten.masked_select.default,
    _aten.equal.default,
    _aten._unique2.default,
    _aten.repeat_interleave.Tensor,
}
"""Operations that need numbers on the host, or a shape that depends on them; a Boolean mask as an index does so too."""

_INDEXED = {_aten.index.Tensor, _aten.index_put.default, _aten.index_put_.default, _aten._index_put_impl_.default}


class Remote(Tensor):
    """A tensor on the other device; ``held`` has its numbers."""

    held: Tensor

    @staticmethod
    def __new__(cls, held: Tensor) -> Remote:
        assert held.device.type == "cpu", "a tensor without numbers"
        with torch._C._DisableTorchDispatch(), _disable_current_modes():
            twin = torch.empty_strided(held.shape, held.stride(), dtype=held.dtype, device=OTHER)
            made = Tensor._make_subclass(cls, twin)
        made.held = held
        return made

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        raise RuntimeError(f"{func} of a remote tensor outside of `other_device`")

    __torch_function__ = torch._C._disabled_torch_function_impl  # type: ignore[assignment]


def local(tensor: Tensor) -> Tensor:
    """The numbers of a tensor, which must be on the other device."""
    assert isinstance(tensor, Remote), f"on {tensor.device}"
    return tensor.held


@contextmanager
def other_device(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Inside, ``device=OTHER`` works; gives the names of the operations at which the host has waited so far."""
    waits: list[str] = []
    with monkeypatch.context() as patch, _Constructors(waits), _Operations(waits):
        patch.setattr(torch, "Generator", _Generator)
        yield waits


class _Generator(torch.Generator):
    """A generator of either device; the other's draws what the CPU's does."""

    def __new__(cls, device: Any = "cpu") -> _Generator:
        return super().__new__(cls, "cpu" if torch.device(device) == OTHER else device)


class _Constructors(TorchFunctionMode):
    """Patch what does not come by the dispatcher: tensors of Python numbers, and their way back."""

    def __init__(self, waits: list[str]) -> None:
        super().__init__()
        self.waits = waits

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        if func in (torch.tensor, torch.as_tensor) and kwargs.get("device") is not None:
            device = kwargs.pop("device")
            return func(*args, **kwargs).to(device)
        if args and isinstance(args[0], Remote):
            if func in (Tensor.numpy, Tensor.__array__):
                raise TypeError("an array of a tensor on another device")
            if func is torch.linalg.lstsq and kwargs.get("driver") not in (None, "gels"):
                raise RuntimeError("lstsq: CUDA knows the driver gels only")
            if func is Tensor.new_tensor:
                return torch.tensor(args[1], dtype=kwargs.get("dtype", args[0].dtype)).to(OTHER)
            if func is Tensor.tolist:
                self.waits.append("tolist")
                return args[0].held.tolist()
            if func is Tensor.__getitem__:
                args = (args[0], tree_map_only(list, torch.tensor, args[1], is_leaf=lambda each: isinstance(each, list)))
        return func(*args, **kwargs)


class _Operations(TorchDispatchMode):
    """Everything else."""

    def __init__(self, waits: list[str]) -> None:
        super().__init__()
        self.waits = waits

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        if func is _aten._efficientzerotensor.default:
            # The derivative of a constant. PyTorch must recognise it there, and here reads what it does not hold.
            return func(*args, **kwargs) if torch.device(kwargs["device"]) == OTHER else torch.zeros(*args, **kwargs)
        args, kwargs = tree_map_only(Tensor, _stored, (args, kwargs))
        tensors = [each for each in tree_leaves((args, kwargs)) if isinstance(each, Tensor)]
        remote = any(isinstance(each, Remote) for each in tensors)
        copies = func in (_aten._to_copy.default, _aten.copy_.default)
        if remote and not copies:
            _refuse_two_devices(func, tensors)
        if remote and (func in _WAITS or _masked(func, args)):
            self.waits.append(str(func))
        there = remote if func is not _aten.copy_.default else isinstance(args[0], Remote)
        if kwargs.get("device") is not None:
            there = torch.device(kwargs["device"]) == OTHER
            kwargs["device"] = torch.device("cpu") if there else kwargs["device"]
        if remote and not there:
            self.waits.append(str(func))
        held_args, held_kwargs = tree_map_only(Remote, lambda each: each.held, (args, kwargs))
        result = func(*held_args, **held_kwargs)
        if not there:
            return result
        result = tree_map_only(Tensor, Remote, result)
        aliases = remote and func is not _aten._to_copy.default
        return return_and_correct_aliasing(func, args, kwargs, result) if aliases else result


def _stored(tensor: Tensor) -> Tensor:
    """A zero that PyTorch made without asking, with numbers of its own."""
    if isinstance(tensor, Remote) or tensor.device != OTHER:
        return tensor
    assert tensor._is_zerotensor(), "a tensor without numbers"
    return Remote(torch.zeros(tensor.shape, dtype=tensor.dtype))


def _refuse_two_devices(func: Any, tensors: list[Tensor]) -> None:
    """Numbers without a dimension may come from the host, as they may on an accelerator."""
    strangers = [each for each in tensors if not isinstance(each, Remote)]
    if func not in _INDEXED and any(each.dim() for each in strangers):
        raise RuntimeError(f"{func}: tensors on {OTHER} and {strangers[0].device}")


def _masked(func: Any, args: Any) -> bool:
    if func not in _INDEXED:
        return False
    return any(each is not None and each.dtype in (torch.bool, torch.uint8) for each in args[1])

"""The parameters of training code as one vector, with their names and shapes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["NamedParameters", "Parameters", "read_parameters"]


@dataclass(frozen=True, eq=False)
class NamedParameters:
    """The tensors in which training code is differentiated.

    Attributes:
        names: Their names.
        tensors: The tensors themselves, which the code holds too: leaves that require gradients.
        buffers: The tensors that the code may update as it runs, such as running means.
    """

    names: tuple[str, ...]
    tensors: tuple[Tensor, ...]
    buffers: tuple[Tensor, ...] = ()

    def flatten(self) -> Tensor:
        """Return the values as one vector ``[d]``, without a graph."""
        return self.join([tensor.detach() for tensor in self.tensors])

    def join(self, values: Sequence[Tensor | None]) -> Tensor:
        """Return one tensor for each parameter as one vector ``[d]``; zeros stand for what is missing."""
        pairs = zip(values, self.tensors, strict=True)
        return torch.cat([(torch.zeros_like(own) if value is None else value).reshape(-1) for value, own in pairs])

    def split(self, vector: Tensor) -> dict[int, Tensor]:
        """Return the parts of a vector ``[d]`` in the shapes of the parameters, by the ``id`` of the tensor they stand for."""
        parts = vector.split([tensor.numel() for tensor in self.tensors])
        return {id(own): part.reshape(own.shape) for own, part in zip(self.tensors, parts, strict=True)}

    def name_of(self, coordinate: int) -> str:
        """Return the name of a coordinate, as ``encoder.weight[2, 0]``."""
        place = coordinate
        for name, tensor in zip(self.names, self.tensors, strict=True):
            if place < tensor.numel():
                index = [int(each) for each in torch.unravel_index(torch.tensor(place), tensor.shape)]
                return f"{name}{index}" if index else name
            place -= tensor.numel()
        raise IndexError(f"coordinate {coordinate} of {sum(tensor.numel() for tensor in self.tensors)} parameters")


Parameters = NamedParameters | torch.nn.Module | Mapping[str, Tensor] | Iterable[Tensor] | Tensor
"""A module, a mapping from names to tensors, several tensors, or one."""


def read_parameters(given: Parameters) -> NamedParameters:
    """Return the parameters that a user hands over; what is frozen is left out.

    Raises:
        ValueError: There are none, or one is no floating leaf that requires a gradient; the message names it.
    """
    if isinstance(given, NamedParameters):
        return given
    named = dict(_list_named(given))
    buffers = tuple(given.buffers()) if isinstance(given, torch.nn.Module) else ()
    if isinstance(given, torch.nn.Module):
        named = {name: tensor for name, tensor in named.items() if tensor.requires_grad}
    for name, tensor in named.items():
        if not isinstance(tensor, Tensor):
            raise ValueError(f"parameter {name!r} is a {type(tensor).__name__}; expected a tensor")
        if not tensor.is_floating_point() or not tensor.requires_grad or not tensor.is_leaf:
            raise ValueError(
                f"parameter {name!r} is no floating leaf that requires a gradient; make it one, as by "
                "tensor.detach().requires_grad_(), and let the loss use that tensor"
            )
    if not named:
        raise ValueError("there are no parameters that require a gradient; give a module, a mapping from names, or tensors")
    kinds = {(tensor.dtype, tensor.device) for tensor in named.values()}
    if len(kinds) > 1:
        raise ValueError(f"the parameters are of several types or devices: {sorted(map(str, kinds))}; give those of one")
    return NamedParameters(tuple(named), tuple(named.values()), buffers)


def _list_named(
    given: torch.nn.Module | Mapping[str, Tensor] | Iterable[Tensor] | Tensor,
) -> Iterator[tuple[str, Tensor]]:
    if isinstance(given, torch.nn.Module):
        yield from given.named_parameters()
    elif isinstance(given, Mapping):
        yield from given.items()
    elif isinstance(given, Tensor):
        yield "parameter", given
    else:
        yield from ((f"parameter {number}", tensor) for number, tensor in enumerate(given))

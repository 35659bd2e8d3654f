"""Flows: rates at which probability moves from the drawn category to others, as the parameters move the probabilities.

A flow R(z -> z') satisfies ``sum_z P(z) R(z -> y) - P(y) sum_z' R(y -> z') = dP(y)``, hence
``d E f = E sum_z' R(z -> z') (f(z') - f(z))``. All flows here but the one-sided are linear in dP, so they can be given P with
its graph in place of dP, and be differentiated afterwards in any number of parameters. Categories in front, rows last.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

__all__ = ["FLOWS", "combine", "flow_rates"]

FLOWS = ("leave_one_out", "upward", "downward", "one_sided")
"""The flows that `flow_rates` knows."""


def flow_rates(flow: str, mass: Tensor, probabilities: Tensor, index: Tensor) -> Tensor:
    """Return the rates R(z -> z') from the drawn category to every other.

    ``leave_one_out``: dP(z'). ``upward``: ``sum_{j > z} dP(j) / P(z)``, to z + 1 only. ``downward``:
    ``sum_{j < z} dP(j) / P(z)``, to z - 1 only. ``one_sided``: of upward and downward those that are positive, the jumps of
    inversion. The last three divide by P(z) and pass through all neighbours, so where a category has probability zero the
    leave-one-out flow is used.

    Args:
        flow: The name of the flow.
        mass: dP, or P with its graph, ``[K, rows]``; the one-sided flow needs dP.
        probabilities: P, without graph, ``[K, rows]``.
        index: z, ``[rows]``.

    Returns:
        ``[K, rows]``, zero at z.
    """
    category = torch.arange(len(mass), device=mass.device).unsqueeze(1)
    others = torch.where(category != index, mass, 0.0)
    if flow == "leave_one_out":
        return others
    drawn = probabilities.gather(0, index.unsqueeze(0))
    above = torch.where(category == index + 1, torch.where(category > index, mass, 0.0).sum(0) / drawn, 0.0)
    below = torch.where(category == index - 1, torch.where(category < index, mass, 0.0).sum(0) / drawn, 0.0)
    neighbours = _NEIGHBOURS[flow](above, below)
    return torch.where((probabilities > 0).all(0), neighbours, others)


def combine(shares: dict[str, float], mass: Tensor, probabilities: Tensor, index: Tensor) -> Tensor:
    """Return ``sum_i a_i R_i``, ``[K, rows]``; it is a flow if the shares a_i sum to one."""
    return torch.stack([share * flow_rates(each, mass, probabilities, index) for each, share in shares.items()]).sum(0)


_NEIGHBOURS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "upward": lambda above, below: above,
    "downward": lambda above, below: below,
    "one_sided": lambda above, below: above.clamp(min=0) + below.clamp(min=0),
}

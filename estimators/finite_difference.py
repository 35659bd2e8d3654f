"""Finite differences with common random numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from .hyper_parameters import require_positive
from .protocol import ALL_SITES, Claims, Program, evaluate, require_floating
from .runs.tape import sampling

__all__ = ["FiniteDifference", "central_differences", "difference_steps"]

_LARGEST_BATCH = 2**26
"""The parameters of all rows of one batch at most, half a gigabyte in double precision."""


@dataclass(frozen=True)
class FiniteDifference:
    """Central difference of two runs that share their uniforms.

    ``[f(X(theta + h e_j; u)) - f(X(theta - h e_j; u))] / (2 h)`` for every coordinate j, h = step * |theta_j| (h = step where
    theta_j = 0). Bias ``h^2 |f'''| / 6``; variance ``O(1 / h)`` where outcomes jump, against ``O(1 / h^2)`` with independent
    runs. Cost: 2 d evaluations for d parameters, in one batch where it has at most 2^26 numbers.

    Args:
        step: Relative half-width of the difference.

    Example:
        >>> import torch
        >>> from torch.distributions import Bernoulli
        >>> program = lambda params, sample: sample(Bernoulli(params))
        >>> rows = FiniteDifference(step=0.5)(program, torch.tensor(0.5), 4000, torch.Generator().manual_seed(0))
        >>> bool((rows.mean() - 1).abs() < 5 * (1 / 0.5 - 1) ** 0.5 / 4000**0.5)
        True

    References:
        L'Ecuyer and Perron (1994), On the convergence rates of IPA and FDC derivative estimators.
    """

    step: float = 0.05

    claims: ClassVar[Claims] = Claims(bias="biased")
    sites: ClassVar[tuple[type, ...]] = ALL_SITES
    evaluations: ClassVar[int | None] = None
    reference: ClassVar[str] = "L'Ecuyer & Perron 1994"

    def __post_init__(self) -> None:
        require_positive("finite difference", step=self.step)

    def __call__(
        self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator
    ) -> Float[Tensor, "{num_samples} *param"]:
        """Return replicates, ``[num_samples, *param]``."""
        require_floating(params)
        return central_differences(
            program, params.detach(), difference_steps(params.detach(), self.step), num_samples, generator
        )


def central_differences(
    program: Program, params: Tensor, steps: Tensor, num_samples: int, generator: torch.Generator
) -> Tensor:
    """Return central differences of runs that share their uniforms, ``[num_samples, *param]``.

    Args:
        program: The program.
        params: The point, ``[*param]``, without a graph.
        steps: The half-width of every coordinate's difference, ``[d]``.
        num_samples: The number of replicates.
        generator: The source of randomness.
    """
    shifts = torch.diag(steps).reshape(-1, *params.shape)
    together = max(_LARGEST_BATCH // (2 * num_samples * params.numel()), 1)
    if together >= len(steps):
        changes = _changes(program, params, shifts, num_samples, generator)
    else:
        start = generator.get_state()
        parts = []
        for part in shifts.split(together):
            generator.set_state(start)  # every part of the coordinates shares the uniforms
            parts.append(_changes(program, params, part, num_samples, generator))
        changes = torch.cat(parts)
    return (changes.T / (2 * steps)).reshape(num_samples, *params.shape)


def _changes(program: Program, params: Tensor, shifts: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
    """Return the objective above the point less that below it, for each of the shifts, ``[shifts, num_samples]``."""
    points = torch.cat((params + shifts, params - shifts))
    copies = points.shape[0]
    with torch.no_grad():
        rows = points.repeat_interleave(num_samples, dim=0)
        objective = evaluate(program, rows, sampling(copies * num_samples, generator, copies))
    above, below = objective.reshape(2, -1, num_samples)
    changes: Tensor = above - below
    return changes


def difference_steps(params: Tensor, step: float) -> Tensor:
    """Return the half-width h of every coordinate, ``[d]``; it is relative if the parameter is not zero."""
    flat = params.reshape(-1)
    return torch.where(flat == 0, torch.full_like(flat, step), step * flat.abs())

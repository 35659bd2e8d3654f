"""The derivative of the relaxed objective by finite differences, as the reference for a relaxed sampler."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from ..finite_difference import difference_steps
from ..protocol import Claims, Program
from .convention import ForeignError
from .jumps import Objective, count_jumping_rows
from .sampler import ForeignSampler

__all__ = ["RelaxedDifference"]

_TRIED = 4096


@dataclass(frozen=True)
class RelaxedDifference:
    r"""Central differences of E f(y(theta)), where y are the relaxed samples of foreign code and the noise is held fixed.

    The difference is ``[f(y(theta + h e_j; seed)) - f(y(theta - h e_j; seed))] / (2 h)`` for every coordinate j. It uses the
    samples that the foreign code returns, but not their derivative. With the noise held fixed, a relaxed sample is a smooth
    function of theta, so that h may be small: the bias is ``h^2 |f'''| / 6``, and f''' grows as the inverse cube of the
    temperature. Samples that jump (such as smoothed hard samples) have no such derivative, and every call looks for jumps; see
    `count_jumping_rows`. Cost: 2 d evaluations, and 26 evaluations of at most 4096 rows.

    Args:
        sampler: The foreign sampler.
    """

    sampler: ForeignSampler

    claims: ClassVar[Claims] = Claims(bias="biased")
    forward: ClassVar[str] = "relaxed"
    reference: ClassVar[str] = ""

    def __call__(
        self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator
    ) -> Float[Tensor, "{num_samples} *param"]:
        """Draw replicates, ``[num_samples, *param]``.

        Raises:
            ForeignError: The samples jump.
        """
        state = generator.get_state()

        def objective(rows: Tensor) -> Tensor:
            generator.set_state(state)
            return self.sampler.evaluate_samples(program, rows, generator)

        tried = min(num_samples, _TRIED)
        jumping = count_jumping_rows(objective, params.detach(), tried)
        if jumping:
            raise ForeignError(
                f"its relaxed samples jump as the parameters move ({jumping} of {tried} rows), so the relaxed objective has no "
                "derivative to compare with; remove --truth relaxed"
            )
        return self._take_differences(objective, params.detach(), num_samples)

    def _take_differences(self, objective: Objective, params: Tensor, rows: int) -> Tensor:
        """Return the central differences in every coordinate, ``[rows, *param]``."""
        steps = difference_steps(params, 1e-6 if params.dtype == torch.float64 else 1e-2)
        slopes = []
        for shift, step in zip(torch.diag(steps).reshape(-1, *params.shape), steps, strict=True):
            sides = [objective(point.expand(rows, *params.shape)) for point in (params + shift, params - shift)]
            slopes.append((sides[0] - sides[1]) / (2 * step))
        return torch.stack(slopes, -1).reshape(rows, *params.shape)

"""The gradient that the optimiser receives: a batch's mean at every point, in one call for all points if possible."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Bernoulli, Categorical

from ....estimators.protocol import Estimator, NotApplicableError, describe
from ...problems.calibration_walk import Text, path_program
from .baseline import simulate_walks
from .design import Loss
from .walk_losses import LAYOUTS, Layout, LayoutError, RowLoss, side_by_side

__all__ = ["BatchGradient", "batch_gradient"]

_TRIAL_POINTS = torch.tensor([3.0, 11.0, 19.0, 27.0], dtype=torch.float64).repeat(3)
_TRIAL_STEPS = 6


@dataclass(frozen=True, eq=False)
class BatchGradient:
    """An estimate of the gradient of one loss from batches.

    Attributes:
        estimator: The estimator.
        text: The form of the walk's steps that the estimator supports.
        layout: The layout of its program's rows; None if only one point fits into a call.
        loss: The loss.
        batch: The number of evaluations per point.
    """

    estimator: Estimator
    text: Text
    layout: Layout | None
    loss: Loss
    batch: int

    def __call__(
        self, theta: Float[Tensor, "points"], baseline: Float[Tensor, "points n steps"], generator: torch.Generator
    ) -> Float[Tensor, "points"]:
        """Return a batch's gradient at every point, against that point's own baseline trajectories.

        With the loss ``trajectory``, every replicate is compared with a baseline trajectory drawn at random. With the loss
        ``mean``, the residual ``2 (mean X_k - mean b_k)`` comes from one half of the batch and the derivative of E X_k from the
        other half, so that the mean of their product is the product of their means. The residual is that of relaxed walks if
        the estimator's forward pass is relaxed, else that of hard walks.

        Args:
            theta: The points, ``[points]``.
            baseline: The baseline trajectories, ``[points, trajectories, steps]``.
            generator: The source of randomness, on theta's device.

        Returns:
            The gradients, ``[points]``.
        """
        if self.loss == "trajectory":
            replicates = self._replicates(self.batch)
            return self._mean_rows(theta, replicates, _draw_trajectories(baseline, replicates, generator), True, generator)
        half = self.batch // 2
        residual = 2 * (self._mean_path(theta, half, baseline.shape[2], generator) - baseline.mean(1))
        replicates = self._replicates(self.batch - half)
        return self._mean_rows(theta, replicates, residual.unsqueeze(1).expand(-1, replicates, -1), False, generator)

    def _replicates(self, evaluations: int) -> int:
        """Return the number of replicates that so many evaluations pay for."""
        return max(1, evaluations // (describe(self.estimator).evaluations or 1))

    def _mean_rows(self, theta: Tensor, replicates: int, table: Tensor, squared: bool, generator: torch.Generator) -> Tensor:
        """Return the mean replicate at every point; the table is ``[points, replicates, steps]``."""
        if self.layout is None:
            return torch.stack(
                [self._alone(point, replicates, each, squared, generator) for point, each in zip(theta, table, strict=True)]
            )
        loss = RowLoss(theta.repeat_interleave(replicates), table.flatten(0, 1).T, squared)
        rows = _rows(self.estimator, loss, self.text, self.layout, generator)
        return rows.reshape(len(theta), replicates).mean(1)

    def _alone(self, point: Tensor, replicates: int, table: Tensor, squared: bool, generator: torch.Generator) -> Tensor:
        """Return one point's gradient from its own call; replicates share their mean table: the same gradient."""
        shared = RowLoss(torch.zeros_like(point).reshape(1), table.mean(0).unsqueeze(1), squared)
        program = shared.program(self.text, side_by_side)
        estimator = self.estimator
        if hasattr(estimator, "fit"):
            estimator = estimator.fit(program, point, num_samples=replicates, generator=generator)
        return estimator(program, point, replicates, generator).mean()

    def _mean_path(self, theta: Tensor, count: int, steps: int, generator: torch.Generator) -> Tensor:
        """Return the mean of `count` walks at every point, ``[points, steps]``."""
        points = theta.repeat_interleave(count)
        if describe(self.estimator).forward == "relaxed":
            paths = _record_positions(self.estimator, points, self.text, steps, generator)
        else:
            paths = simulate_walks(points, steps, generator)
        return paths.reshape(len(theta), count, steps).mean(1)


def batch_gradient(estimator: Estimator, loss: Loss, batch: int) -> BatchGradient:
    """Return the batch gradient of an estimator, after a trial of how its rows belong to points.

    Raises:
        NotApplicableError: The estimator supports neither bits nor category indices, or does not apply to the walk.
        NoGradientPathError: The estimator gives no gradient.
    """
    sites = describe(estimator).sites
    if not {Bernoulli, Categorical} & set(sites):
        raise NotApplicableError(f"the estimator supports {sites}; the walk needs Bernoulli or Categorical")
    text: Text = "bit" if Bernoulli in sites else "categorical"
    layout = (
        None
        if hasattr(estimator, "fit")
        else next((each for each in LAYOUTS if _keeps_rows_apart(estimator, text, each)), None)
    )
    return BatchGradient(estimator, text, layout, loss, batch)


def _keeps_rows_apart(estimator: Estimator, text: Text, layout: Layout) -> bool:
    """Return True if a replicate depends on its own point alone: changes to other tables must not change it."""
    count = len(_TRIAL_POINTS)
    table = torch.zeros(_TRIAL_STEPS, count, dtype=torch.float64)
    place = torch.arange(count)

    def rows(tables: Tensor) -> Tensor:
        loss = RowLoss(_TRIAL_POINTS, tables, squared=True)
        return _rows(estimator, loss, text, layout, torch.Generator().manual_seed(0))

    try:
        before = rows(table)
    except LayoutError:
        return False
    for others in (place < count // 2, place >= count // 2, place % 2 == 0, place % 3 == 0):
        after = rows(table + 5.0 * others)
        if not torch.equal(before[~others], after[~others]):
            return False
    return True


def _rows(estimator: Estimator, loss: RowLoss, text: Text, layout: Layout, generator: torch.Generator) -> Tensor:
    origin = torch.zeros((), dtype=loss.theta.dtype, device=loss.theta.device)
    return estimator(loss.program(text, layout), origin, len(loss.theta), generator)


def _draw_trajectories(baseline: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """Draw `count` baseline trajectories per point with replacement, ``[points, count, steps]``."""
    points, trajectories, _ = baseline.shape
    chosen = torch.randint(trajectories, (points, count), generator=generator, device=baseline.device)
    return baseline[torch.arange(points, device=baseline.device)[:, None], chosen]


def _record_positions(estimator: Estimator, theta: Tensor, text: Text, steps: int, generator: torch.Generator) -> Tensor:
    """Return the positions in the estimator's own first run, ``[rows, steps]``."""
    seen: list[Tensor] = []

    def cost(position: Tensor, k: int) -> Tensor:
        seen.append(position.detach())
        return 0 * position

    program = path_program(steps, cost, text=text, shift=lambda rows: theta)
    estimator(program, torch.zeros((), dtype=theta.dtype, device=theta.device), len(theta), generator)
    return torch.stack(seen[:steps], 1)

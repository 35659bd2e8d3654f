"""ReinMax's polynomial programming: its losses, and the means of straight-through and ReinMax at its start."""

from __future__ import annotations

import torch

from ....estimators.enumeration import enumerate_paths
from ....estimators.protocol import Estimator
from ....estimators.reinmax import ReinMax
from ....estimators.runs.exact import exact_moments
from ....estimators.straight_through import StraightThrough
from ...problems.toys import polynomial_programming
from ...record.study import Statement, Table

__all__ = ["polynomial_statements", "polynomial_tables"]

PUBLISHED = ((1.5, 0.35488, 0.301869), (2.0, 0.2525, 0.2025), (3.0, 0.12875, 0.091125))
"""The power, the loss at logits of zero, and the least loss."""

AWAY = 0.8
"""A logit at which straight-through and ReinMax differ."""


def polynomial_tables() -> tuple[Table, ...]:
    """Tabulate our losses beside the published ones, and the exact gradients of one coordinate; all are alike."""
    losses = tuple(
        (power, place, published, _loss(power, logit))
        for power, start, least in PUBLISHED
        for place, logit, published in (("start", 0.0, start), ("optimum", -60.0, least))
    )
    gradients = tuple(
        (power, logit, _gradient(power, logit), _mean(StraightThrough(), power, logit), _mean(ReinMax(), power, logit))
        for logit in (0.0, AWAY)
        for power, _, _ in PUBLISHED
    )
    return (
        Table(
            title="Polynomial programming, mean |x - 0.45|^power: loss",
            columns=("power", "where", "published", "exact", "agrees"),
            rows=tuple((*row, "yes" if _rounds_to(row[3], row[2]) else "no") for row in losses),
            caption="Start: all logits are zero. Optimum: every x is zero.",
        ),
        Table(
            title="Polynomial programming: gradient of one coordinate, in the logit of the value one",
            columns=("power", "logit", "true", "straight-through, mean", "ReinMax, mean"),
            rows=gradients,
            caption="Exact values over all draws. With 128 coordinates, each has this gradient divided by 128.",
        ),
    )


def polynomial_statements() -> tuple[Statement, ...]:
    """State whether the published losses are ours, and where the two rules are exact."""
    losses = [(_loss(power, 0.0), start) for power, start, _ in PUBLISHED]
    losses += [(_loss(power, -60.0), least) for power, _, least in PUBLISHED]
    agreeing = sum(_rounds_to(ours, published) for ours, published in losses)
    apart = max(abs(_mean(StraightThrough(), power, 0.0) - _mean(ReinMax(), power, 0.0)) for power, _, _ in PUBLISHED)
    errors = {power: abs(_mean(ReinMax(), power, AWAY) / _gradient(power, AWAY) - 1) for power, _, _ in PUBLISHED}
    straight = abs(_mean(StraightThrough(), 2.0, AWAY) / _gradient(2.0, AWAY) - 1)
    return (
        Statement(
            claim="The losses of polynomial programming at its start and at its optimum are the published ones.",
            outcome="holds" if agreeing == len(losses) else "fails",
            measured=f"{agreeing} of {len(losses)} agree in all published digits",
        ),
        Statement(
            claim="Straight-through and ReinMax are the same rule at logits of zero, and different rules elsewhere.",
            outcome="holds" if apart < 1e-12 < straight else "fails",
            measured=f"at zero the means differ by {apart:.2g}; at logit {AWAY:g} straight-through is off by {straight:.2g} "
            "times the gradient of the square",
            note="A comparison of the two must leave the starting point.",
        ),
        Statement(
            claim=f"At logit {AWAY:g}, ReinMax is exact for the square and for no other power.",
            outcome="holds" if errors.pop(2.0) < 1e-12 < min(errors.values()) else "fails",
            measured="relative bias " + ", ".join(f"{error:.3g} at power {power:g}" for power, error in errors.items()),
        ),
    )


def _loss(power: float, logit: float) -> float:
    return float(enumerate_paths(polynomial_programming(power), _logits(logit)).mean())


def _gradient(power: float, logit: float) -> float:
    return float(enumerate_paths(polynomial_programming(power), _logits(logit)).gradient()[0, 1])


def _mean(estimator: Estimator, power: float, logit: float) -> float:
    return float(exact_moments(estimator, polynomial_programming(power), _logits(logit))[0][0, 1])


def _logits(logit: float) -> torch.Tensor:
    return torch.tensor([[0.0, logit]], dtype=torch.float64)


def _rounds_to(ours: float, published: float) -> bool:
    """Return True if ours has the published digits, of which the last may be rounded or cut off."""
    digits = len(f"{published}".partition(".")[2])
    return bool(abs(ours - published) < 1.0001 * 10.0**-digits)

"""The numbers watched in one cell: coordinates, the gain along the gradient, random projections, and a direction found."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["ChannelKind", "Channels", "own_scales", "scales", "watch"]

Array = NDArray[np.float64]
ChannelKind = Literal["coordinate", "gain", "projection", "direction"]

OWN_ROUNDING = 1e-6
"""The part of the typical coordinate below which a coordinate is rounding and has no size of its own."""

# The shares of a stage's error rate that the kinds of channel receive, if they exist.
SHARES: dict[ChannelKind, float] = {"coordinate": 0.5, "gain": 0.25, "projection": 0.25}

DRIFT_SHARE = 0.125
"""The share of the drift along earlier rows, and of the direction that it found, where they are watched. The projections, which
also look for a bias spread over many coordinates, give half of their share."""


def scales(truth: ArrayLike, floor: ArrayLike = 0.0) -> Array:
    r"""Return the scale that a bias of each coordinate is measured against.

    .. math:: s_j = \max(|\mu_j|, \|\mu\| / \sqrt d, s_\mathrm{floor})

    A coordinate near zero is measured against the others, not against itself.

    Args:
        truth: Gradient ``[d]``.
        floor: Least scale that the problem declares, scalar or ``[d]``; needed where the gradient is zero.

    Returns:
        Scales ``[d]``.

    Example:
        >>> scales([3.0, 0.0, 0.0, -4.0])
        array([3. , 2.5, 2.5, 4. ])
    """
    truth = np.asarray(truth, dtype=np.float64).reshape(-1)
    typical = np.linalg.norm(truth) / math.sqrt(max(truth.size, 1))
    return np.asarray(np.maximum(np.maximum(np.abs(truth), typical), np.asarray(floor, dtype=np.float64)))


def own_scales(truth: ArrayLike, floor: ArrayLike = 0.0) -> Array:
    """Return the scale of each coordinate by itself, so that a small one counts as much as its neighbours.

    A coordinate that is zero to rounding has no size of its own, and is measured against the others as in `scales`.

    Args:
        truth: Gradient ``[d]``.
        floor: Least scale that the problem declares, scalar or ``[d]``.

    Returns:
        Scales ``[d]``.

    Example:
        >>> own_scales([3.0, 0.0, 0.0, -0.04]).round(2).tolist()
        [3.0, 1.5, 1.5, 0.04]
    """
    truth = np.asarray(truth, dtype=np.float64).reshape(-1)
    typical = np.linalg.norm(truth) / math.sqrt(max(truth.size, 1))
    own = np.where(np.abs(truth) > OWN_ROUNDING * typical, np.abs(truth), typical)
    return np.asarray(np.maximum(own, np.asarray(floor, dtype=np.float64)))


@dataclass(frozen=True, eq=False, kw_only=True)
class Channels:
    """Linear functions of a row of the estimator's error.

    Attributes:
        names: Such as ``coordinate 3``, ``gain``, ``projection 1``.
        kinds: ``coordinate``, ``gain``, ``projection`` or ``direction``; the coordinates come first.
        mixed: ``[k, d]``; the last k channels are mixed @ error, and the first ones are the d coordinates.
        scale: ``[c]``, the unit of a relative bias.
        shares: ``[c]``, shares of a stage's error rate; with that of the drift they sum to one.
    """

    names: tuple[str, ...]
    kinds: tuple[ChannelKind, ...]
    mixed: Array
    scale: Array
    shares: Array

    def project(self, errors: Array) -> Array:
        """Return the channel values ``[n, c]`` of error rows ``[n, d]``; the coordinates stay as they are, bit by bit.

        The sum avoids the linear-algebra library, whose order of addition depends on its number of threads.
        """
        with np.errstate(invalid="ignore", over="ignore"):
            return np.hstack([errors, np.einsum("nd,kd->nk", errors, self.mixed, optimize=False)])

    def bound(self, coordinates: Array) -> Array:
        """Return the largest value of each channel ``[c]`` while coordinate j stays within ``+-coordinates[j]``.

        If this is a channel's tolerance, a channel beyond it proves that some coordinate is beyond its own.
        """
        return np.concatenate([coordinates, np.abs(self.mixed) @ coordinates])

    @property
    def lengths(self) -> Array:
        """The Euclidean length of each channel's function ``[c]``: the largest value of the channel for errors of norm one."""
        return np.concatenate([np.ones(self.mixed.shape[1]), np.linalg.norm(self.mixed, axis=1)])


def watch(truth: Array, scale: Array, directions: Array, *, drift: bool = False, found: Array | None = None) -> Channels:
    """Choose the channels of a cell.

    An error of scale shows best along the gradient, and a bias spread over many coordinates shows best in a projection. One
    coordinate needs neither, and a zero gradient has no direction.

    Args:
        truth: Gradient ``[d]``.
        scale: Scales ``[d]``.
        directions: Unit vectors ``[k, d]``, applied to coordinates divided by their scales.
        drift: True if the drift along earlier rows is watched beside the channels and takes its share.
        found: The unit vector along which a bias is to be confirmed ``[d]``.

    Returns:
        The coordinates, then the gain, then the projections, then the direction found.
    """
    size = truth.size
    norm = float(np.linalg.norm(truth))
    names = [f"coordinate {j}" for j in range(size)]
    kinds: list[ChannelKind] = ["coordinate"] * size
    rows, units = [np.zeros((0, size))], [scale]
    if size > 1 and norm > 0:
        names.append("gain")
        kinds.append("gain")
        rows.append(truth[None] / norm)
        units.append(np.array([norm]))
    if size > 1 and len(directions):
        names += [f"projection {k}" for k in range(len(directions))]
        kinds += ["projection"] * len(directions)
        rows.append(directions / np.where(scale > 0, scale, 1.0))
        units.append(np.ones(len(directions)))
    if found is not None:
        names.append("direction")
        kinds.append("direction")
        rows.append(found[None])
        units.append(np.array([norm if norm > 0 else float(np.linalg.norm(scale))]))
    return Channels(
        names=tuple(names),
        kinds=tuple(kinds),
        mixed=np.vstack(rows),
        scale=np.concatenate(units),
        shares=_shares(kinds, drift and size > 1),
    )


def _shares(kinds: list[ChannelKind], drift: bool) -> Array:
    shares = dict(SHARES)
    if drift:
        shares |= {"projection": SHARES["projection"] - DRIFT_SHARE, "direction": DRIFT_SHARE}
    total = sum(shares[kind] for kind in {*kinds, *(("direction",) if drift else ())})
    return np.array([shares[kind] / total / kinds.count(kind) for kind in kinds])

"""The plan of a bias test, made before the first row is drawn."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from .channels import Channels, watch
from .confidence import looks

__all__ = ["BiasPlan", "Stage"]

Stage = Literal["screen", "confirm"]
Array = NDArray[np.float64]

MIN_ROWS = 1000  # the boundary starts here: below it, normal theory is not trusted
RARE_SIGHTINGS = 10.0  # expected sightings of the rarest outcome before a sample is trusted
PLANNED_LOOKS = 3  # looks at which a norm may be accepted: two at the target, and the last
HIDDEN_RATE = 1e-3  # constant rows may hide a branch; no promise is made for a rarer one


@dataclass(frozen=True, kw_only=True, eq=False)
class BiasPlan:
    """The truth, the tolerance, the error rates and the numbers of rows of one cell.

    Attributes:
        truth: Reference gradient ``[d]``.
        scale: The unit of a relative bias ``[d]``, see `channels.scales`.
        tau_numeric: Rounding error, which is no bias, scalar or ``[d]``; see `rounding.bias_rounding`.
        r_target: Relative tolerance at which the test stops early with ``unbiased``.
        r_accept: Relative tolerance at which the test ends with ``unbiased`` when its rows are used up; a bias beyond it is
            material.
        alpha: Probability of ``biased`` for an unbiased estimator, over both stages.
        alpha_unbiased: Probability of ``unbiased`` for a bias at the tolerance.
        p_gate: Probability of the rarest outcome that matters; 1 if there is none.
        max_rows: The largest number of rows of the screen stage.
        first_look: The number of rows at the first look.
        ratio: The growth of the number of rows from look to look.
        reference_bias: Bound on the reference's own error, scalar or ``[d]``.
        known_reach: The largest row that known rare outcomes make, scalar or ``[d]``, where these carry nothing; zero if there
            are none. A row of theirs, met once or twice, is no sign of an unknown tail.
        directions: Random unit vectors ``[k, d]``, or None.
        deterministic_rows: True if rows are known to be equal (enumeration), so that two of them decide.
        gate_known: True if nothing rarer than ``p_gate`` matters; otherwise equal rows that are wrong refute nothing.
        reference_supports: False if the reference rests on an assumption (finite differences) and can only refute.
        by_norm: True if the tolerance bounds the norm of the bias, so that every update brings batch sums; otherwise it bounds
            each coordinate on its own scale. One parameter is its own norm.
        seek_kind: True if a bias beyond the tolerance is worth further rows of its confirm stage that tell its kind.
        max_angle: The angle in degrees within which a direction is right.
        found: The unit vector along which a bias is to be confirmed ``[d]``, or None.

    Raises:
        ValueError: If an argument is out of range or shapes disagree.
    """

    truth: ArrayLike
    scale: ArrayLike
    tau_numeric: ArrayLike
    r_target: float
    r_accept: float
    alpha: float
    max_rows: int
    alpha_unbiased: float = 0.05
    p_gate: float = 1.0
    first_look: int = MIN_ROWS
    ratio: float = 1.25
    reference_bias: ArrayLike = 0.0
    known_reach: ArrayLike = 0.0
    directions: ArrayLike | None = None
    deterministic_rows: bool = False
    gate_known: bool = True
    reference_supports: bool = True
    by_norm: bool = False
    seek_kind: bool = False
    max_angle: float = 2.0
    found: ArrayLike | None = None

    def __post_init__(self) -> None:
        _require(0 < self.alpha < 1, f"alpha must lie in (0, 1); got {self.alpha}")
        _require(0 < self.alpha_unbiased < 1, f"alpha_unbiased must lie in (0, 1); got {self.alpha_unbiased}")
        _require(0 < self.p_gate <= 1, f"p_gate must lie in (0, 1], 1 for no rare outcome; got {self.p_gate}")
        _require(
            0 < self.r_target <= self.r_accept,
            f"need 0 < r_target <= r_accept; got {self.r_target}, {self.r_accept}",
        )
        _require(0 < self.max_angle < 90, f"max_angle must lie between 0 and 90 degrees; got {self.max_angle}")
        _require(self.max_rows >= 1, f"max_rows must be positive; got {self.max_rows}")
        size = np.size(self.truth)
        shape = (-1, size)
        fields = {
            "truth": _vector("truth", self.truth, size),
            "scale": _vector("scale", self.scale, size),
            "tau_numeric": _vector("tau_numeric", self.tau_numeric, size),
            "reference_bias": _vector("reference_bias", self.reference_bias, size),
            "known_reach": _vector("known_reach", self.known_reach, size),
            "directions": np.zeros((0, size))
            if self.directions is None
            else np.reshape(np.asarray(self.directions, dtype=np.float64), shape),
        }
        for name, value in fields.items():
            object.__setattr__(self, name, value)
        _require(size > 0, "truth is empty; a gradient has at least one coordinate")

    @cached_property
    def channels(self) -> Channels:
        """The linear functions of the error that are watched."""
        truth, scale, directions = (np.asarray(each) for each in (self.truth, self.scale, self.directions))
        found = None if self.found is None else np.asarray(self.found)
        return watch(truth, scale, directions, drift=self.vector, found=found)

    @property
    def channel_names(self) -> tuple[str, ...]:
        """The names of the channels, coordinates first."""
        return self.channels.names

    @property
    def size(self) -> int:
        """The number of coordinates d."""
        return int(np.size(self.truth))

    @property
    def vector(self) -> bool:
        """True if the norm of a vector's bias is what the tolerance bounds."""
        return self.by_norm and self.size > 1

    @property
    def unit(self) -> float:
        """The norm that a relative error refers to: the gradient's, or the floor's where that is larger."""
        scale = np.asarray(self.scale)
        if not self.gradient.any():
            return float(np.linalg.norm(scale))  # every scale is a floor
        # The least scale is the typical size of a coordinate, or the floor.
        least = math.sqrt(self.size) * float(scale.min())
        return max(float(np.linalg.norm(np.asarray(self.truth))), least)

    @property
    def gradient(self) -> Array:
        """The gradient ``[d]``; zeros if it is rounding error and has no direction."""
        truth = np.asarray(self.truth)
        zero = np.linalg.norm(truth) <= 3 * np.linalg.norm(np.asarray(self.tau_numeric))
        return np.zeros_like(truth) if zero else truth

    def norm_tolerance(self, relative: float) -> float:
        """Return the tolerance of the norm of the bias."""
        return relative * self.unit + float(np.linalg.norm(np.asarray(self.tau_numeric)))

    @property
    def planned_critical(self) -> float:
        """The critical value of each of the three looks at which the norm of the bias may be accepted."""
        return float(-special.ndtri(self.alpha_unbiased / PLANNED_LOOKS))

    @property
    def drift_alpha(self) -> float:
        """The error rate of the alarm of drift in the screen stage."""
        return self.stage_alpha * (1 - float(self.channels.shares.sum()))

    @property
    def stage_alpha(self) -> float:
        """The error rate of each of the two stages; both must err, so their product is ``alpha``."""
        return math.sqrt(self.alpha)

    def channel_alpha(self, stage: Stage, flagged: int | None = None) -> Array:
        """Return the error rate of each channel ``[c]``; the confirm stage gives its whole rate to the flagged channel."""
        alpha = self.stage_alpha * self.channels.shares
        if stage == "confirm" and flagged is not None:
            alpha[flagged] = self.stage_alpha
        return alpha

    @cached_property
    def slack(self) -> Array:
        """The bias that raises no alarm ``[c]``: rounding and the reference's own error."""
        return self.channels.bound(np.asarray(self.tau_numeric) + np.asarray(self.reference_bias))

    def tolerance(self, relative: float) -> Array:
        """Return the tolerance of each channel ``[c]``; a bias beyond it puts some coordinate, or the norm, beyond its own."""
        if self.vector:
            return np.asarray(self.norm_tolerance(relative) * self.channels.lengths)
        return self.channels.bound(relative * np.asarray(self.scale) + np.asarray(self.tau_numeric))

    @cached_property
    def reference_error(self) -> Array:
        """The bound on the reference's error in each channel ``[c]``."""
        return self.channels.bound(np.asarray(self.reference_bias))

    @property
    def degenerate(self) -> NDArray[np.bool_]:
        """The coordinates ``[d]`` whose scale is rounding error: they are equal and constant, or not supported."""
        return np.asarray(self.scale) <= 3 * np.asarray(self.tau_numeric)

    @property
    def rows_to_open(self) -> int:
        """The number of rows before any channel may decide."""
        return max(MIN_ROWS, math.ceil(RARE_SIGHTINGS / self.p_gate))

    @property
    def rows_if_constant(self) -> int:
        """The number of rows after which a constant channel is called deterministic.

        A branch of the declared probability, or of 1e-3 inside the estimator, has then been missed with a probability of at
        most ``alpha``.
        """
        if self.deterministic_rows:
            return 2
        sightings = max(RARE_SIGHTINGS, math.log(1 / self.alpha))
        return math.ceil(sightings / min(self.p_gate, HIDDEN_RATE))

    def planned_rows(self, stage: Stage, *, flagged_at: int = 0) -> list[int]:
        """Return the numbers of rows at the looks of a stage.

        Args:
            stage: ``screen`` or ``confirm``.
            flagged_at: The number of rows of the screen at its alarm; the confirm stage may use four times as many.

        Returns:
            Increasing numbers of rows, counted from the start of the stage.
        """
        if stage == "confirm":
            return looks(self.first_look, self.ratio, max_rows=max(4 * flagged_at, self.max_rows))
        planned = looks(self.first_look, self.ratio, max_rows=self.max_rows)
        return [2, *planned] if self.deterministic_rows and planned[0] > 2 else planned


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise ValueError(message)


def _vector(name: str, value: ArrayLike, size: int) -> Array:
    array = np.asarray(value, dtype=np.float64).reshape(-1)
    _require(array.size in (1, size), f"{name} has {array.size} entries; truth has {size}")
    _require(bool(np.isfinite(array).all()), f"{name} must be finite; got {array}")
    _require(name == "truth" or bool((array >= 0).all()), f"{name} must not be negative; got {array}")
    return np.broadcast_to(array, (size,)).copy()

"""The plan of a run, settled before the first row: profiles, the error budget, and the chunks that rows are cut into."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import torch

from ..estimators.adapters import Convention
from ..estimators.protocol import Estimator, describe
from .problems.problem import DetachedReading, Probe
from .verdicts import Acceptance, Expectation, Scale

__all__ = ["EXPECTATIONS", "PROFILES", "ErrorBudget", "Profile", "Settings", "affordable_rows", "chunk_rows", "settle"]


@dataclass(frozen=True)
class Profile:
    """The effort of a run.

    Attributes:
        name: ``quick``, ``standard`` or ``thorough``.
        max_rows: Rows of a cell's screen stage at most.
        min_rows: Rows of a cell at least, for its variance.
        r_target: Relative tolerance at which a cell may stop as unbiased.
        r_accept: Relative tolerance that is accepted when its rows are used up.
        reference_rows: Rows of each check of one reference against another.
        least_share: A cell whose rows cost much gets ``max_rows / least_share`` of them at least.
    """

    name: str
    max_rows: int
    min_rows: int
    r_target: float
    r_accept: float
    reference_rows: int
    least_share: int = 30


PROFILES = {
    each.name: each
    for each in (
        Profile("quick", 300_000, 4096, 0.05, 0.10, 30_000),
        Profile("standard", 3_000_000, 16_384, 0.02, 0.05, 300_000),
        Profile("thorough", 30_000_000, 65_536, 0.01, 0.02, 3_000_000),
    )
}


@dataclass(frozen=True)
class Settings:
    """The settings that hold for every cell of a run.

    Attributes:
        profile: How hard to try; its tolerances may have been replaced.
        alpha: False-alarm rate of the whole run.
        seed: The run's entropy.
        device: ``cpu`` or ``cuda``.
        expect: What every estimator is held to: ``unbiased``, ``biased``, ``any``, or its own ``claims``.
        budget: The seconds after which open cells are closed; None for no limit.
        conventions: Target -> how its foreign code is used, found out once and the same in every process.
        fused: Draw rows by compiled walks in cells that are worth it.
        dtype: Floating type that everything is computed in, ``float32`` or ``float64``; None for each problem's own.
        detached: How values are read that programs detach, ``differentiate`` or ``hold``; None for each problem's own word.
        scale: The unit of the tolerance: the norm of the ``whole`` gradient, or each ``coordinate``'s own size.
        accept: The mean gradients that support a claim of no bias: ``unbiased`` ones alone, or also ``rescaled`` ones.
        max_angle: The angle in degrees within which a direction is right.
    """

    profile: Profile
    alpha: float = 1e-3
    seed: int = 0
    device: str = "cpu"
    expect: Expectation = "claims"
    budget: float | None = None
    conventions: tuple[tuple[str, Convention], ...] = ()
    fused: bool = True
    dtype: str | None = None
    detached: DetachedReading | None = None
    scale: Scale = "whole"
    accept: Acceptance = "unbiased"
    max_angle: float = 2.0


WORK_PER_ROW = 1000
"""Categories times evaluations that a row may cost before a cell gets fewer rows."""

EXPECTATIONS: tuple[Expectation, ...] = ("claims", "unbiased", "biased", "any")
SCALES: tuple[Scale, ...] = ("whole", "coordinate")
ACCEPTANCES: tuple[Acceptance, ...] = ("unbiased", "rescaled")


def settle(
    *,
    profile: str = "quick",
    tolerance: float | None = None,
    alpha: float = 1e-3,
    seed: int = 0,
    device: str = "cpu",
    expect: Expectation = "claims",
    budget: float | None = None,
    dtype: str | None = None,
    fused: bool = True,
    detached: DetachedReading | None = None,
    scale: Scale = "whole",
    accept: Acceptance = "unbiased",
    max_angle: float = 2.0,
) -> Settings:
    """Return the settings that a caller's options come to.

    Args:
        profile: Name of a profile.
        tolerance: Relative bias that is accepted, in place of the profile's; cells may stop at half of it.
        alpha: False-alarm rate of the run.
        seed: The run's entropy, not negative.
        device: ``cpu`` or ``cuda``.
        expect: What every estimator is held to.
        budget: The seconds after which open cells are closed.
        dtype: ``float32`` or ``float64``; None for each problem's own.
        fused: Draw rows by compiled walks in cells that are worth it.
        detached: How values are read that programs detach, ``differentiate`` or ``hold``; None for each problem's own word.
        scale: The unit of the tolerance: the norm of the ``whole`` gradient, or each ``coordinate``'s own size.
        accept: ``rescaled`` lets a gradient of the right direction support a claim of no bias.
        max_angle: The angle in degrees within which a direction is right, above 0 and at most 45.

    Raises:
        ValueError: An option is out of range, or the device is not there; the message says what was expected.
    """
    words: tuple[tuple[str, str, Iterable[str]], ...] = (
        ("profile", profile, PROFILES),
        ("expect", expect, EXPECTATIONS),
        ("scale", scale, SCALES),
        ("accept", accept, ACCEPTANCES),
    )
    for name, value, choices in words:
        if value not in choices:
            raise ValueError(f"{name}={value!r}; expected one of {', '.join(choices)}")
    for name, number, most in (("alpha", alpha, 0.5), ("tolerance", tolerance, 10.0), ("budget", budget, 1e9)):
        if number is not None and not 0 < number < most:
            raise ValueError(f"{name}={number:g}; expected a number above 0 and below {most:g}")
    if not 0 < max_angle <= 45:
        raise ValueError(f"max_angle={max_angle:g}; expected degrees above 0 and at most 45")
    if seed < 0:
        raise ValueError(f"seed={seed}; expected a number that is not negative")
    if device not in ("cpu", "cuda"):
        raise ValueError(f"device={device!r}; expected 'cpu' or 'cuda'")
    if device == "cuda" and not torch.cuda.is_available():
        raise ValueError("device 'cuda' was asked for and PyTorch sees none; use 'cpu', or a machine with a GPU")
    if detached not in (None, "differentiate", "hold"):
        raise ValueError(f"detached={detached!r}; expected 'differentiate' or 'hold'")
    if dtype not in (None, "float32", "float64"):
        raise ValueError(f"dtype={dtype!r}; expected 'float32' or 'float64'")
    chosen = PROFILES[profile]
    if tolerance is not None:
        chosen = replace(chosen, r_accept=tolerance, r_target=tolerance / 2)
    return Settings(
        chosen,
        alpha=alpha,
        seed=seed,
        device=device,
        expect=expect,
        budget=budget,
        dtype=dtype,
        fused=fused,
        detached=detached,
        scale=scale,
        accept=accept,
        max_angle=max_angle,
    )


BIAS_SHARE, OTHER_SHARE = 0.8, 0.2
"""The parts of a run's false-alarm rate that go to its bias cells and to its other tests."""


@dataclass(frozen=True)
class ErrorBudget:
    """One false-alarm rate, split over every test that could raise an alarm.

    `BIAS_SHARE` of it goes to the bias cells, equally; `OTHER_SHARE` to the checks of references against each other, of
    forward laws and of variances against exact ones, equally.

    Attributes:
        alpha: The false-alarm rate of the whole run.
        bias_cells: The number of bias cells.
        other_tests: The number of the other tests.
    """

    alpha: float
    bias_cells: int
    other_tests: int

    @property
    def per_cell(self) -> float:
        """The false-alarm rate of one bias cell, over both its stages."""
        return BIAS_SHARE * self.alpha / max(self.bias_cells, 1)

    @property
    def alone(self) -> float:
        """The false-alarm rate of a run of one bias cell and nothing else that judges the cell as this run does."""
        return self.per_cell / BIAS_SHARE

    @property
    def per_other_test(self) -> float:
        """The false-alarm rate of each other test."""
        return OTHER_SHARE * self.alpha / max(self.other_tests, 1)

    @property
    def rule(self) -> str:
        """The split, in words."""
        return (
            f"{self.alpha:g} for the run: {100 * BIAS_SHARE:g} % over {self.bias_cells} bias cells ({self.per_cell:.2g} each, "
            f"two stages of {self.per_cell**0.5:.2g}), {100 * OTHER_SHARE:g} % over {self.other_tests} checks of references, "
            f"forward law and variances ({self.per_other_test:.2g} each)"
        )


def affordable_rows(profile: Profile, estimator: Estimator, probe: Probe) -> int:
    """Return the rows of a cell's screen stage at most: the profile's, or fewer if one row costs many evaluations.

    It depends on the problem and the estimator alone, so that a record is the same on any machine.
    """
    cost = probe.categories * (describe(estimator).evaluations or probe.elements + 1)
    return min(profile.max_rows, max(profile.max_rows // profile.least_share, WORK_PER_ROW * profile.max_rows // cost))


def chunk_rows(estimator: Estimator, probe: Probe) -> Iterator[int]:
    """Yield the rows of each chunk of a stage: from 2,048 doubling up to what fits in about 200 MB.

    They depend on the problem and the estimator alone, never on free memory or workers: other chunks would be other rows.
    """
    evaluations = describe(estimator).evaluations or probe.elements + 1
    largest = 2048
    while largest < 65_536 and 2 * largest * probe.categories * evaluations <= 2**23:
        largest *= 2
    rows = 2048
    yield rows
    while True:
        yield rows
        rows = min(2 * rows, largest)

"""Walk calibration: the shift of a walk is recovered from trajectories, with each gradient estimator in turn."""

from __future__ import annotations

__all__: list[str] = []

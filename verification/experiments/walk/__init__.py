"""Walk calibration: a walk's shift is found from trajectories, once with every gradient estimator."""

from __future__ import annotations

__all__: list[str] = []

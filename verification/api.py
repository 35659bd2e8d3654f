"""Verification from Python: some estimators on some problems, a record."""

from __future__ import annotations

from .run.naming import Problems, Target, Targets
from .run.request import verify

__all__ = ["Problems", "Target", "Targets", "verify"]

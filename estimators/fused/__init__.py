"""Fused walks: finite chains stepped by table, in kernels that hold a row in registers (numba, Triton) or in batches."""

from .dispatch import Fused, fuse, fused_objectives
from .walks import engine_for

__all__ = ["Fused", "engine_for", "fuse", "fused_objectives"]

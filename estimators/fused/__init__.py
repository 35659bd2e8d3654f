"""Fused walks: finite chains stepped by table, in kernels that hold a row in registers (numba, Triton) or in batches."""

from .dispatch import Fused, fused, fused_objectives
from .walks import engine_for

__all__ = ["Fused", "engine_for", "fused", "fused_objectives"]

"""Problems: stochastic programs with known gradients, each made to expose different errors."""

from .problem import Probe, Problem, ProblemError, hold_to_rows, probe
from .registry import find_problems, registered_problems

__all__ = ["Probe", "Problem", "ProblemError", "find_problems", "hold_to_rows", "probe", "registered_problems"]

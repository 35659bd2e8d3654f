"""Problems: stochastic programs whose gradient is known, made to expose different errors."""

from .problem import Probe, Problem, ProblemError, probe
from .registry import find_problems, registered

__all__ = ["Probe", "Problem", "ProblemError", "find_problems", "probe", "registered"]

"""Gradient estimators for stochastic programs: ways to differentiate an expectation over discrete choices."""

from .agent_torch import (
    AgentTorchBernoulli,
    AgentTorchCategorical,
    AgentTorchFloatCategorical,
    AgentTorchStraightThroughBernoulli,
)
from .enumeration import Enumeration
from .finite_difference import FiniteDifference
from .gumbel_softmax import GumbelSoftmax, StraightThroughGumbelSoftmax
from .markov import MarkovProgram
from .protocol import (
    Claims,
    Estimator,
    NoGradientPathError,
    NotApplicableError,
    Program,
    Sample,
    UnsupportedSiteError,
)
from .registry import ESTIMATORS, TargetError, load_estimator
from .score_function import FittedBaseline, LeaveOneOut, ScoreFunction
from .smoothed_triples import SmoothedTriple
from .stochastic_triples import StochasticTriple
from .straight_through import StraightThrough

__all__ = [
    "ESTIMATORS",
    "AgentTorchBernoulli",
    "AgentTorchCategorical",
    "AgentTorchFloatCategorical",
    "AgentTorchStraightThroughBernoulli",
    "Claims",
    "Enumeration",
    "Estimator",
    "FiniteDifference",
    "FittedBaseline",
    "GumbelSoftmax",
    "LeaveOneOut",
    "MarkovProgram",
    "NoGradientPathError",
    "NotApplicableError",
    "Program",
    "Sample",
    "ScoreFunction",
    "SmoothedTriple",
    "StochasticTriple",
    "StraightThrough",
    "StraightThroughGumbelSoftmax",
    "TargetError",
    "UnsupportedSiteError",
    "load_estimator",
]

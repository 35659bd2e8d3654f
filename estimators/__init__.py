"""Gradient estimators for stochastic programs: ways to differentiate an expectation over discrete choices."""

from .agent_torch import (
    AgentTorchBernoulli,
    AgentTorchCategorical,
    AgentTorchFloatCategorical,
    AgentTorchStraightThroughBernoulli,
)
from .antithetic import ARM, ARMS, DisARM
from .arsm import ARS, ARSM
from .categorical_antithetic import CARMS, CoupledPair, StickBreakingDisARM
from .conditional_triples import ConditionalTriple, ConditionalTripleControlVariate
from .control_variates import DoubleControlVariate, MuProp
from .decoupled_straight_through import DecoupledStraightThrough
from .dice import DiCE
from .enumeration import Enumeration
from .finite_difference import FiniteDifference
from .flip_all import FlipAll
from .gapped_straight_through import GappedStraightThrough
from .generalised_gumbel_softmax import GeneralisedGumbelSoftmax
from .gumbel_rao import GumbelRao
from .gumbel_softmax import GumbelSoftmax, StraightThroughGumbelSoftmax
from .implicit_mle import AdaptiveImplicitMLE, ImplicitMLE
from .k_subset import KSubset
from .markov import MarkovProgram
from .measure_valued import MeasureValued
from .moving_average import MovingAverageBaseline
from .protocol import Claims, Estimator, NoGradientPathError, NotApplicableError, Program, Sample, UnsupportedSiteError
from .rao_blackwell import BitFlip, LocalExpectation, SumAndSample
from .registry import ESTIMATORS, TargetError, load_estimator
from .reinmax import ReinMax
from .relax import Rebar, Relax
from .rodeo import Rodeo
from .runs.exact import exact_moments
from .score_function import FittedBaseline, LeaveOneOut, ScoreFunction
from .smoothed_triples import SmoothedTriple
from .softmax_straight_through import SoftmaxStraightThrough
from .stochastic_triples import StochasticTriple
from .straight_through import StraightThrough
from .subsets import Simple
from .threshold_straight_through import ThresholdStraightThrough
from .vargrad import VarGrad
from .without_replacement import NormalisedWithoutReplacement, UnorderedSet, WithoutReplacement

__all__ = [
    "ARM",
    "ARMS",
    "ARS",
    "ARSM",
    "CARMS",
    "ESTIMATORS",
    "AdaptiveImplicitMLE",
    "AgentTorchBernoulli",
    "AgentTorchCategorical",
    "AgentTorchFloatCategorical",
    "AgentTorchStraightThroughBernoulli",
    "BitFlip",
    "Claims",
    "ConditionalTriple",
    "ConditionalTripleControlVariate",
    "CoupledPair",
    "DecoupledStraightThrough",
    "DiCE",
    "DisARM",
    "DoubleControlVariate",
    "Enumeration",
    "Estimator",
    "FiniteDifference",
    "FittedBaseline",
    "FlipAll",
    "GappedStraightThrough",
    "GeneralisedGumbelSoftmax",
    "GumbelRao",
    "GumbelSoftmax",
    "ImplicitMLE",
    "KSubset",
    "LeaveOneOut",
    "LocalExpectation",
    "MarkovProgram",
    "MeasureValued",
    "MovingAverageBaseline",
    "MuProp",
    "NoGradientPathError",
    "NormalisedWithoutReplacement",
    "NotApplicableError",
    "Program",
    "Rebar",
    "ReinMax",
    "Relax",
    "Rodeo",
    "Sample",
    "ScoreFunction",
    "Simple",
    "SmoothedTriple",
    "SoftmaxStraightThrough",
    "StickBreakingDisARM",
    "StochasticTriple",
    "StraightThrough",
    "StraightThroughGumbelSoftmax",
    "SumAndSample",
    "TargetError",
    "ThresholdStraightThrough",
    "UnorderedSet",
    "UnsupportedSiteError",
    "VarGrad",
    "WithoutReplacement",
    "exact_moments",
    "load_estimator",
]

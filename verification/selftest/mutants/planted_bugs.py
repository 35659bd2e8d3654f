"""The rows of the kill matrix: every planted bug, the problem where it shows best, and its size there."""

from __future__ import annotations

from functools import cache

from ....estimators.agent_torch import AgentTorchFloatCategorical
from ....estimators.antithetic import ARMS, DisARM
from ....estimators.conditional_triples import ConditionalTriple
from ....estimators.decoupled_straight_through import DecoupledStraightThrough
from ....estimators.finite_difference import FiniteDifference
from ....estimators.measure_valued import MeasureValued
from ....estimators.protocol import Estimator
from ....estimators.rao_blackwell import SumAndSample
from ....estimators.reinmax import ReinMax
from ....estimators.relax import Rebar
from ....estimators.score_function import LeaveOneOut, ScoreFunction
from ....estimators.smoothed_triples import SmoothedTriple
from ....estimators.stochastic_triples import StochasticTriple
from ....estimators.straight_through import StraightThrough
from .conditional_triple_bugs import FaultyConditionalTriple
from .coupling_bugs import FaultyARMS, FaultyDifference, FaultyDisARM
from .measure_valued_bugs import ShiftedGeometric
from .mutant import Mutant
from .relaxation_bugs import FaultyRebar, FaultyReinMax, FaultySmoothedTriple, IntegerOutput, SoftForward, WrongGumbel
from .score_bugs import (
    AttachedBaseline,
    AttachedObjective,
    BatchMeanBaseline,
    ClippedScore,
    CoarseUniforms,
    DroppedScoreTerm,
    FlooredDenominator,
    NoDirectTerm,
    OutcomeBaseline,
    OwnSampleBaseline,
    ScoreOfProbabilities,
    ScoreWithoutRareOutcome,
    SinglePrecisionScore,
    UpdatedBeforeUse,
)
from .summation_bugs import FaultySumAndSample
from .triple_bugs import FaultyTriple
from .wrapper_bugs import (
    AddedNoise,
    Attached,
    ClippedRows,
    DroppedLargeRows,
    FlippedCoordinate,
    GlobalNoise,
    GlobalReseed,
    LogOfUniform,
    OneStream,
    PassingNan,
    PooledRows,
    RepeatedHalves,
    RepeatedRows,
    Scaled,
    SharedNoise,
    ShortPeriod,
    SinglePrecision,
    StaleSeed,
)

__all__ = ["find_mutant", "mutants"]

COIN = "coin/centred/logit"
SHIFTED = "coin/shifted/logit"
BITS = "bits:3/cubic/logits"
CHAIN = "chain:4/product/theta"
COINS = "coins/weighted/logits"
DIE = "die/centred/logits"
RARE = "die/rare/logits"
STEPS = "die/steps/logits"
CURVE = "die/one_hot/logits"
SPREAD = "spread/square/theta"
WALK = "random_walk:10/square/p"


@cache
def mutants() -> tuple[Mutant, ...]:
    """Return every planted bug."""
    return (*_scores(), *_list_wrapped(), *_structural(), *_couplings(), *_relaxations(), *_summations(), *_triples())


def find_mutant(name: str) -> Mutant:
    """Return the planted bug with the given name."""
    return next(each for each in mutants() if each.name == name)


def _row(
    name: str,
    estimator: Estimator,
    original: Estimator,
    problem: str,
    size: float | None,
    *,
    gap: str = "",
    fast: bool = False,
) -> Mutant:
    return Mutant(name=name, estimator=estimator, original=original, problem=problem, size=size, gap=gap, fast=fast)


def _scores() -> list[Mutant]:
    plain, pairs = ScoreFunction(), LeaveOneOut()
    return [
        _row("own sample in the baseline, K = 4", OwnSampleBaseline(4), LeaveOneOut(4), COIN, 0.25, fast=True),
        _row("own sample in the baseline, K = 20", OwnSampleBaseline(20), LeaveOneOut(20), COIN, 0.05),
        _row("own sample in the baseline, K = 100", OwnSampleBaseline(100), LeaveOneOut(100), COIN, 0.01),
        _row("moving average updated before use, beta 0.9", UpdatedBeforeUse(0.2, 0.9), plain, COIN, 0.1, fast=True),
        _row("moving average updated before use, N = 10", UpdatedBeforeUse(0.2, 0.9, 10), plain, COIN, 0.01),
        _row("baseline reads the outcome", OutcomeBaseline(0.1), plain, COIN, 0.1),
        _row("objective not detached", AttachedObjective(), plain, "coin/paid/logit", 0.287),
        _row("baseline not detached", AttachedBaseline(0.1), plain, COIN, 0.278),
        _row("objective's own derivative left out", NoDirectTerm(), plain, "coin/paid/logit", 0.597),
        _row("last step's term dropped", DroppedScoreTerm(-1), pairs, CHAIN, 0.254),
        _row("first step's term dropped", DroppedScoreTerm(0), pairs, CHAIN, 0.274),
        _row("weights 1/p clipped at 20", ClippedScore(20.0), plain, RARE, 0.351),
        _row("rare branch dropped", ScoreWithoutRareOutcome(0), plain, RARE, 0.535, fast=True),
        _row("denominator p(1-p) + 0.0025", FlooredDenominator(0.0025), plain, COIN, 0.01),
        _row("probabilities taken for logits", ScoreOfProbabilities(), plain, DIE, 0.0278),
        _row("uniforms of 4 binary digits", CoarseUniforms(4), plain, SHIFTED, 0.0809),
        _row("log(0) in float32", SinglePrecisionScore(), plain, "coin/certain/logit", None, fast=True),
    ]  # fmt: skip


def _list_wrapped() -> list[Mutant]:
    plain = ScoreFunction()
    return [
        *(
            _row(f"scale {factor:g}", Scaled(plain, factor), plain, COIN, abs(factor - 1), fast=fast)
            for factor, fast in ((1.01, True), (1.02, True), (1.05, True), (0.99, False), (0.5, False), (2.0, False))
        ),
        _row("scale 1.002", Scaled(plain, 1.002), plain, COIN, 0.002),
        _row("scale 1.01, leave-one-out on 3 bits", Scaled(LeaveOneOut(), 1.01), LeaveOneOut(), BITS, 0.01),
        _row("scale 1.01, triple on a walk", Scaled(StochasticTriple(), 1.01), StochasticTriple(), WALK, 0.01),
        _row("scale 1.01, ReinMax", Scaled(ReinMax(), 1.01), ReinMax(), STEPS, 0.01),
        _row("one coordinate 2 % too small, chain", FlippedCoordinate(LeaveOneOut(), 2, 0.98), LeaveOneOut(), CHAIN, 0.02),
        _row("sign flipped", Scaled(plain, -1.0), plain, COIN, 2.0),
        _row("gradient in p for gradient in the logit", Scaled(plain, 4.0404), plain, COIN, 3.04),
        _row("one coordinate's sign", FlippedCoordinate(plain, 1), plain, COINS, 1.67, fast=True),
        _row("one coordinate 1.2 % too large", FlippedCoordinate(plain, 1, 1.012), plain, COINS, 0.01),
        _row("rows clipped", ClippedRows(plain, 0.297), plain, COIN, 0.01),
        _row("large rows dropped", DroppedLargeRows(plain, 5.0), plain, RARE, 0.535),
        _row("variance x 1.5, right mean", AddedNoise(plain, 0.0351), plain, COIN, 0.0, fast=True),
    ]


def _structural() -> list[Mutant]:
    plain = ScoreFunction()
    return [
        _row("batch mean as baseline", BatchMeanBaseline(), plain, COIN, 0.0, fast=True),
        _row("rows pooled", PooledRows(plain), plain, COIN, 0.0),
        _row("noise shared by the rows of a call", SharedNoise(plain, 0.01), plain, COIN, 0.0),
        _row("every row twice", RepeatedRows(plain), plain, COIN, 0.0, fast=True),
        _row("second half repeats the first", RepeatedHalves(plain), plain, COIN, 0.0),
        _row("noise of period 500", ShortPeriod(plain, 500), plain, COIN, 0.0),
        _row("own seed at every call", StaleSeed(plain), plain, COIN, 0.0, fast=True),
        _row("one stream, entered at the call's seed", OneStream(plain), plain, COIN, 0.0),
        _row("generator ignored", GlobalNoise(plain), plain, COIN, 0.0, fast=True),
        _row("global seed reset", GlobalReseed(plain), plain, COIN, 0.0),
        _row("logarithm of a uniform", LogOfUniform(plain), plain, COIN, 0.0, fast=True),
        _row("NaN that does not come back", PassingNan(plain), plain, COIN, None),
        _row("rows not detached", Attached(plain), plain, COIN, 0.0),
        _row("float32 rows for float64 parameters", SinglePrecision(plain), plain, COIN, 0.0),
    ]


def _couplings() -> list[Mutant]:
    central = FiniteDifference(step=0.4)
    return [
        _row("DisARM with sigma(phi), phi = -0.01", FaultyDisARM("signed"), DisARM(), "coin/near_even/logit", 0.01, fast=True),
        _row("DisARM with sigma(phi), two logits", FaultyDisARM("signed"), DisARM(), COINS, 0.459),
        _row("antithetic noise shared across coordinates", FaultyDisARM("shared"), DisARM(), COINS, 1.07),
        _row("antithetic pair weighted as independent", FaultyDisARM("independent"), DisARM(), COIN, 0.819),
        _row("ARMS with one formula for all p", FaultyARMS(4), ARMS(4), COIN, 0.032),
        _row("Geometric phase off by one", ShiftedGeometric(), MeasureValued(), "geometric:0.6/linear/p", 0.6),
        _row("forward difference", FaultyDifference(0.4, "forward"), central, "coins/shared/p", 0.2),
        _row("difference over h", FaultyDifference(0.4, "half"), central, "coins/shared/p", 1.0),
        _row("difference without common noise", FaultyDifference(0.4, "independent"), central, "coins/shared/p", 0.0),
    ]


def _relaxations() -> list[Mutant]:
    sound, smooth = ReinMax(), SmoothedTriple()
    return [
        _row("ReinMax weights (1, 0)", FaultyReinMax(1.0, 0.0), sound, STEPS, 0.25),
        _row("ReinMax weights (2, 0)", FaultyReinMax(2.0, 0.0), sound, STEPS, 0.575),
        _row("ReinMax weights (2, -0.47)", FaultyReinMax(2.0, -0.47), sound, STEPS, 0.0345),
        _row("straight-through the wrong way round", SoftForward(), sound, CURVE, 0.334),
        _row(
            "straight-through at temperature 0.9",
            DecoupledStraightThrough(1.0, 0.9),
            StraightThrough(),
            "die/linear/logits",
            0.124,
        ),
        _row("integer samples", IntegerOutput(), StraightThrough(), "die/linear/logits", None, fast=True),
        _row("AgentTorch's categorical, as floats", AgentTorchFloatCategorical(), smooth, STEPS, 0.902),
        _row("smoothed triple, off by one", FaultySmoothedTriple(), smooth, STEPS, 0.355),
        _row("REBAR, conditional noise detached", FaultyRebar("detached"), Rebar(), CURVE, 0.317),
        _row("REBAR, relaxed terms twice", FaultyRebar("twice"), Rebar(), CURVE, 0.74),
        _row("conditional noise not cut off", FaultyRebar("uncut"), Rebar(), CURVE, 0.117),
        _row("conditional noise of a late winner", FaultyRebar("late"), Rebar(), CURVE, 0.596),
        _row("Gumbel noise as -log(u)", WrongGumbel(), ScoreFunction(), DIE, 0.039),
    ]


def _summations() -> list[Mutant]:
    sound = SumAndSample(top=1)
    return [
        _row("remainder's probability left out", FaultySumAndSample(1, "unweighted"), sound, DIE, 0.337),
        _row("remainder drawn from all outcomes", FaultySumAndSample(1, "overlapping"), sound, DIE, 0.545),
        _row("remainder dropped", FaultySumAndSample(2, "truncated"), SumAndSample(top=2), RARE, 0.535),
    ]


def _triples() -> list[Mutant]:
    sound, conditional = StochasticTriple(), ConditionalTriple()
    return [
        _row("triples without merge weights", FaultyTriple("unweighted_merge"), sound, SPREAD, 0.288),
        _row("newest alternative kept", FaultyTriple("newest"), sound, WALK, 0.496),
        _row("one-sided jump with the wrong sign", FaultyTriple("unsigned"), sound, WALK, 1.0),
        _row("jump rate not divided by p", FaultyTriple("unscaled"), sound, WALK, 0.641),
        _row("noise reused across branches", FaultyTriple("frozen"), sound, WALK, 0.554),
        _row("coalesced alternative not dropped", FaultyTriple("kept"), sound, WALK, 0.0),
        _row("last step's flow dropped", FaultyConditionalTriple("dropped"), conditional, SPREAD, 0.536),
        _row("flow not divided by p", FaultyConditionalTriple("unscaled"), conditional, SPREAD, 0.365),
        _row("residual of the coupling left out", FaultyConditionalTriple("vanishing"), conditional, SPREAD, 0.156),
        _row("coupling's ratio not cut at one", FaultyConditionalTriple("unclipped"), conditional, SPREAD, 0.103),
    ]

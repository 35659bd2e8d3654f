"""The names of estimators: those of this package, those that other packages register, and paths or modules."""

from __future__ import annotations

import hashlib
import importlib
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

from .adapters import Convention, ForeignHints, TargetError, as_estimator
from .adapters.locating import describe_error
from .adapters.neighbours import load_file
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
from .measure_valued import MeasureValued
from .moving_average import MovingAverageBaseline
from .protocol import Estimator
from .rao_blackwell import BitFlip, LocalExpectation, SumAndSample
from .reinmax import ReinMax
from .relax import Rebar, Relax
from .rodeo import Rodeo
from .score_function import FittedBaseline, LeaveOneOut, ScoreFunction
from .smoothed_triples import SmoothedTriple
from .softmax_straight_through import SoftmaxStraightThrough
from .stochastic_triples import StochasticTriple
from .straight_through import StraightThrough
from .subsets import Simple
from .threshold_straight_through import ThresholdStraightThrough
from .vargrad import VarGrad
from .without_replacement import NormalisedWithoutReplacement, UnorderedSet, WithoutReplacement

__all__ = ["ESTIMATORS", "TargetError", "load_attribute", "load_estimator", "load_plugin", "names", "repeated_plugins"]

ESTIMATORS: Mapping[str, Estimator] = {
    "enumeration": Enumeration(),
    "finite_difference": FiniteDifference(),
    "score_function": ScoreFunction(),
    "score_function_baseline": FittedBaseline(),
    "moving_average_baseline": MovingAverageBaseline(),
    "leave_one_out": LeaveOneOut(),
    "vargrad": VarGrad(),
    "dice": DiCE(),
    "local_expectation": LocalExpectation(),
    "bit_flip": BitFlip(),
    "sum_and_sample": SumAndSample(),
    "without_replacement": WithoutReplacement(),
    "without_replacement_normalised": NormalisedWithoutReplacement(),
    "unordered_set": UnorderedSet(),
    "arm": ARM(),
    "disarm": DisARM(),
    "arms": ARMS(),
    "ars": ARS(),
    "arsm": ARSM(),
    "coupled_pair": CoupledPair(),
    "carms": CARMS(),
    "disarm_stick_breaking": StickBreakingDisARM(),
    "stochastic_triple": StochasticTriple(),
    "conditional_triple": ConditionalTriple(),
    "conditional_triple_control_variate": ConditionalTripleControlVariate(),
    "flip_all": FlipAll(),
    "measure_valued": MeasureValued(),
    "smoothed_triple": SmoothedTriple(),
    "straight_through": StraightThrough(),
    "gumbel_softmax": GumbelSoftmax(),
    "gumbel_softmax_straight_through": StraightThroughGumbelSoftmax(),
    "softmax_straight_through": SoftmaxStraightThrough(),
    "threshold_straight_through": ThresholdStraightThrough(),
    "decoupled_straight_through": DecoupledStraightThrough(),
    "gapped_straight_through": GappedStraightThrough(),
    "gumbel_rao": GumbelRao(),
    "generalised_gumbel_softmax": GeneralisedGumbelSoftmax(),
    "reinmax": ReinMax(),
    "implicit_mle": ImplicitMLE(),
    "adaptive_implicit_mle": AdaptiveImplicitMLE(),
    "simple": Simple(),
    "muprop": MuProp(),
    "double_control_variate": DoubleControlVariate(),
    "rodeo": Rodeo(),
    "rebar": Rebar(),
    "relax": Relax(),
    "agent_torch_bernoulli": AgentTorchBernoulli(),
    "agent_torch_straight_through": AgentTorchStraightThroughBernoulli(),
    "agent_torch_categorical": AgentTorchCategorical(),
    "agent_torch_categorical_float": AgentTorchFloatCategorical(),
}
"""The package's own estimators, with their usual hyper-parameters."""

GROUP = "gradverify.estimators"
"""The entry-point group under which other packages register their estimators."""


def names() -> list[str]:
    """Return every registered name, the package's own first."""
    return list(dict.fromkeys([*ESTIMATORS, *(point.name for point in entry_points(group=GROUP))]))


def repeated_plugins(group: str) -> list[str]:
    """Return a sentence on every plug-in whose name another package registered before; the first one is used."""
    first: dict[str, Any] = {}
    again = [point for point in entry_points(group=group) if first.setdefault(point.name, point) is not point]
    return [
        f"plug-in {point.name!r} of {_package(point)} is left out: {_package(first[point.name])} registers that name too; "
        "uninstall one of them"
        for point in again
    ]


def _package(point: Any) -> str:
    return str(getattr(getattr(point, "dist", None), "name", "another package"))


def load_estimator(target: str, hints: ForeignHints | None = None, convention: Convention | None = None) -> Estimator:
    """Load the estimator that a target names.

    Args:
        target: A registered name, ``package.module:attr`` or ``path/to/file.py:attr``, where attr is an estimator, a class or
            a factory that makes one without arguments, or foreign code, which is called to find out how it is used (see
            `adapters.find_convention`).
        hints: Facts about foreign code that are stated, so that they need not be found.
        convention: The way to use foreign code, if it is known already; the code is not called then.

    Returns:
        The estimator.

    Raises:
        TargetError: Nothing has that name, or it is not an estimator, or it could be several.
    """
    if target in ESTIMATORS:
        return ESTIMATORS[target]
    for point in entry_points(group=GROUP):
        if point.name == target:
            return as_estimator(load_plugin(point), target, hints, convention)
    if ":" not in target:
        raise TargetError(_unknown(target))
    return as_estimator(load_attribute(target), target, hints, convention)


def _unknown(target: str) -> str:
    if target.endswith(".py"):
        return f"{target!r} is a file; name what stands in it, as in {target}:MyEstimator"
    close = get_close_matches(target, names())
    hint = f"did you mean {' or '.join(close)}? " if close else ""
    return (
        f"unknown estimator {target!r}; {hint}expected a registered name (`gradverify list estimators` shows them), "
        "'package.module:attr' or 'path/to/file.py:attr'"
    )


def load_plugin(point: Any) -> Any:
    """Load what another package registered.

    Args:
        point: The ``importlib.metadata.EntryPoint``, or anything with its ``name`` and ``load``.

    Raises:
        TargetError: Importing it raised.
    """
    try:
        return point.load()
    except (Exception, SystemExit) as error:
        package = _package(point)
        raise TargetError(
            f"plug-in {point.name!r} of {package} cannot be loaded: {type(error).__name__}: {error}; "
            f"mend it or uninstall {package}"
        ) from error


def load_attribute(target: str) -> Any:
    """Load what ``package.module:attr`` or ``path/to/file.py:attr`` points to; ``attr[key]`` is an item of it.

    A file is loaded under a private module name that depends on its path alone, so that another process finds the same
    module under the same name.

    Raises:
        TargetError: The file, the module or the attribute is missing, or loading it raised.
    """
    whole, bracket, key = target.removesuffix("]").partition("[") if target.endswith("]") else (target, "", "")
    if bracket:
        return _take_item(load_attribute(whole), key, target)
    place, _, attribute = target.rpartition(":")
    # Where the locale knows no Unicode, the command line holds the bytes of a name in disguise; Python's names are UTF-8.
    attribute = attribute.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    module = _load_file(Path(place), target) if place.endswith(".py") else _import(place, target)
    value: Any = module
    for part in attribute.split("."):
        if not hasattr(value, part):
            public = ", ".join(_public(module)) or "nothing public"
            raise TargetError(f"{target!r}: {place} has no attribute {attribute!r}; it has {public}")
        value = getattr(value, part)
    return value


def _take_item(found: Any, key: str, target: str) -> Any:
    holder = found if hasattr(found, "__getitem__") or not callable(found) else found()
    try:
        return holder[key]
    except (KeyError, TypeError, IndexError) as error:
        raise TargetError(f"{target!r}: {type(holder).__name__} has no item {key!r}") from error


def _load_file(path: Path, target: str) -> ModuleType:
    path = path.resolve()
    if not path.is_file():
        raise TargetError(f"{target!r}: there is no file {path}; give a path to an existing .py file")
    digest = hashlib.blake2s(str(path).encode("utf-8", "surrogateescape")).hexdigest()
    name = f"_gradverify_target_{digest[:12]}"
    try:
        return load_file(path, name)
    except Exception as error:
        raise TargetError(f"{target!r}: loading {path} raised {describe_error(error)}") from error


def _import(name: str, target: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise TargetError(
            f"{target!r}: there is no module {error.name!r} to import; install it, or give 'path/to/file.py:attr'"
        ) from error
    except Exception as error:
        raise TargetError(f"{target!r}: importing {name} raised {describe_error(error)}") from error


def _public(module: ModuleType) -> Iterator[str]:
    return (name for name in vars(module) if not name.startswith("_"))

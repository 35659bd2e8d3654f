"""Probing: foreign code is recognised in every form of call, the contract by its behaviour, and the rest is refused."""

from __future__ import annotations

import functools
from typing import Any

import pytest
import torch
from torch import Tensor, distributions
from torch.nn import functional

from gradverify.estimators import LeaveOneOut, ScoreFunction, TargetError, UnsupportedSiteError
from gradverify.estimators.adapters import (
    AmbiguousTargetError,
    Convention,
    ForeignGradient,
    ForeignHints,
    ForeignSampler,
    SamplerConvention,
    UnrecognisedTargetError,
    as_estimator,
    convention_of,
    find_convention,
)

from . import foreign, shapes

VECTOR, NUMBER = {"layout": "vectors"}, {"layout": "numbers"}

FOUND: list[tuple[Any, dict[str, Any]]] = [
    (shapes.vector_one_hot, {**VECTOR, "takes": "probs", "returns": "one-hot"}),
    (shapes.vector_index, {**VECTOR, "takes": "probs", "returns": "index", "gradient_path": False}),
    (shapes.vector_float_index, {**VECTOR, "takes": "probs", "returns": "index", "gradient_path": True}),
    (shapes.first_dimension, {**VECTOR, "takes": "logits", "returns": "one-hot"}),
    (shapes.VectorFunction, {**VECTOR, "takes": "probs", "returns": "one-hot", "gradient_path": True}),
    (shapes.one_bit, {**NUMBER, "takes": "probs", "returns": "value", "sites": ("Bernoulli",)}),
    (shapes.python_bit, {**NUMBER, "takes": "probs", "returns": "value", "gradient_path": False}),
    (shapes.single_only, {"layout": "rows", "passed": "float32", "takes": "logits"}),
    (shapes.array_index, {"layout": "rows", "passed": "arrays", "returns": "index", "gradient_path": False}),
    (shapes.array_gradient, {"kind": "gradient", "passed": "arrays", "reduction": "rows"}),
    (shapes.mapping, {"item": "z", "takes": "logits", "gradient_path": True}),
    (shapes.named, {"item": 0, "takes": "logits"}),
    (shapes.with_fields, {"item": "sample", "takes": "logits"}),
    (shapes.hard_flag, {"relaxed": False, "temperature": 1.0}),
    (shapes.along, {"kind": "sampler", "takes": "logits"}),
    (shapes.several, {"kind": "sampler", "takes": "logits", "sites": ("Bernoulli", "Categorical", "OneHotCategorical")}),
    (shapes.Forward, {"takes": "logits", "returns": "one-hot"}),
    (shapes.Forward(), {"takes": "logits", "returns": "one-hot"}),
    (shapes.Configured(3), {"takes": "logits", "state": "none"}),
    (shapes.Layer(), {"takes": "logits", "state": "none"}),
    (shapes.called_loss, {"kind": "gradient", "takes": "logits"}),
    (shapes.of_log_probs, {"kind": "sampler", "takes": "logits"}),
    (shapes.noisy, {"takes": "probs", "state": "none"}),
    (shapes.Noisy, {"takes": "probs", "state": "none"}),
]


def find(target: Any, hints: ForeignHints | None = None) -> Convention:
    return convention_of(as_estimator(target, "mine", hints))


@pytest.mark.parametrize(("target", "expected"), FOUND, ids=[getattr(each[0], "__name__", "object") for each in FOUND])
def test_the_form_of_a_call_is_found(target: Any, expected: dict[str, Any]) -> None:
    """The laws that are compared are 0.2 apart and measured to 0.06, at a fixed seed."""
    convention = find(target)
    actual = {name: getattr(convention, name) for name in expected}
    if "sites" in expected and "kind" in expected:
        actual["sites"] = actual["sites"][:3]
    assert actual == expected


def a_row_short(logits: Tensor) -> Tensor:
    """One row too few."""
    return foreign.one_hot_of_logits(logits)[1:]


def in_place(logits: Tensor) -> Tensor:
    """Changes what it was handed."""
    drawn = foreign.one_hot_of_logits(logits)
    logits.mul_(2.0)
    return drawn


def raising(logits: Tensor) -> Tensor:
    """Raises."""
    raise ZeroDivisionError("no rows to spare")


def constant(logits: Tensor) -> Tensor:
    """Probabilities, and no sample."""
    return logits.softmax(-1)


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (a_row_short, r"it returned shape \(4095, 4\) for probs of shape \(4096, 4\)"),
        (in_place, "it changed the probs that it was handed, in place; copy them first"),
        (constant, "its result cannot be read as a sample, a loss or a gradient"),
        (shapes.silent, "its result cannot be read as a sample, a loss or a gradient"),
    ],
)
def test_what_is_none_of_these_says_what_was_seen(target: Any, message: str) -> None:
    with pytest.raises(UnrecognisedTargetError, match=rf"'mine' is a function, not an estimator: .*{message}"):
        find(target)


def test_an_exception_of_the_code_comes_first_with_its_place() -> None:
    """Nothing else is said, because nothing else is known."""
    with pytest.raises(
        UnrecognisedTargetError, match=r"^'mine': it raised ZeroDivisionError at test_probe\.py, line \d+: no rows to spare$"
    ):
        find(raising)


@pytest.mark.parametrize(
    ("target", "takes", "heat"),
    [
        (functools.partial(distributions.RelaxedBernoulli, torch.tensor(0.5, dtype=torch.float64)), "probs", None),
        (functools.partial(distributions.RelaxedOneHotCategorical, temperature=0.5), "probs", None),
        (functools.partial(distributions.OneHotCategoricalStraightThrough), "probs", None),
        (functools.partial(functools.partial(distributions.RelaxedBernoulli, validate_args=False)), "probs", 1.0),
    ],
)
def test_a_partial_of_a_class_is_constructed_by_its_keywords(target: Any, takes: str, heat: float | None) -> None:
    convention = find(target)
    assert (convention.kind, convention.takes, convention.temperature) == ("sampler", takes, heat)


def wrapping(f: Any, logits: Tensor) -> Tensor:
    """Asks the objective for its name, and wraps it."""
    assert f.__name__.isidentifier()

    @functools.wraps(f)
    def wrapped_objective(value: Tensor) -> Tensor:
        return f(value)  # type: ignore[no-any-return]

    return foreign.reinforce_rows(wrapped_objective, logits)


def test_the_objective_is_a_plain_function() -> None:
    assert find(wrapping).kind == "surrogate loss"


def unheard_of(*, width: int) -> Tensor:
    """Demands what nothing says."""
    raise AssertionError("it was called")


@pytest.mark.parametrize(
    ("target", "error", "said"),
    [
        (shapes.coroutine, TargetError, "is a coroutine or a generator; expected .*, so give a plain function"),
        (shapes.generator, TargetError, "is a coroutine or a generator; expected .*, so give a plain function"),
        (shapes.Configured, TargetError, r"'mine' is a class that demands width; .* or name an object of the class"),
        (unheard_of, AmbiguousTargetError, "its argument 'width' has no known role"),
        (shapes.silent, UnrecognisedTargetError, "cannot be read as a sample, a loss or a gradient"),
        (shapes.identity, UnrecognisedTargetError, "cannot be read as a sample, a loss or a gradient"),
    ],
)
def test_what_cannot_be_used_says_what_to_do(target: Any, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        as_estimator(target, "mine")


def contract(one: Any, two: Tensor, three: int, four: torch.Generator) -> Tensor:
    """The package's own contract under other names."""
    return ScoreFunction()(one, two, three, four)


def test_four_arguments_are_the_contract_or_a_raw_gradient_by_what_they_do() -> None:
    assert as_estimator(contract, "mine") is contract
    assert isinstance(as_estimator(foreign.raw, "mine"), ForeignGradient)
    assert as_estimator(LeaveOneOut, "mine") == LeaveOneOut()
    assert isinstance(as_estimator(functools.partial(functional.gumbel_softmax, hard=True), "mine"), ForeignSampler)


def only_categories(one: Any, two: Tensor, three: int, four: torch.Generator) -> Tensor:
    """The contract under other names, on other sites than the one that is tried."""
    raise UnsupportedSiteError("site 0: Bernoulli is not supported")


def wrapped(*arguments: Any) -> Tensor:
    """The contract behind a wrapper that names nothing."""
    return ScoreFunction()(*arguments)


def wrapped_sampler(*arguments: Any) -> Tensor:
    """A sampler behind one."""
    return foreign.one_hot_of_logits(*arguments)


def test_what_names_nothing_is_known_by_what_it_does() -> None:
    assert as_estimator(only_categories, "mine") is only_categories
    assert as_estimator(wrapped, "mine") is wrapped
    assert find(wrapped_sampler).takes == "logits"
    assert find(foreign.BitFunction.apply) == find(foreign.BitFunction)


def test_a_convention_that_is_known_is_not_probed_for() -> None:
    """Else a worker would call foreign code that was called before, and might find something else."""
    known = SamplerConvention((("", "theta"),), "logits", returns="one-hot", sites=("OneHotCategorical",))
    assert convention_of(as_estimator(raising, "mine", convention=known)) == known


def test_what_cannot_be_called_is_no_target() -> None:
    with pytest.raises(TargetError, match="'mine' is a int, not an estimator; expected a callable"):
        as_estimator(3, "mine")


def test_found_by_its_function_find_convention_agrees() -> None:
    assert find_convention(foreign.one_hot_of_probs) == find(foreign.one_hot_of_probs)

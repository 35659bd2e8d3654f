"""Probing: every convention of foreign code is found from behaviour, and what could be two is asked for by name."""

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
from gradverify.estimators.adapters.trial import Trial, make_parameters

from . import foreign

SAMPLERS: list[tuple[Any, dict[str, Any]]] = [
    (foreign.BitFunction, {"takes": "probs", "returns": "value", "sites": ("Bernoulli",)}),
    (foreign.CountFunction, {"takes": "probs", "returns": "value", "sites": ("Geometric",)}),
    (foreign.BinomialFunction, {"takes": "probs", "returns": "value", "sites": ("Binomial",)}),
    (foreign.OneHotFunction, {"takes": "probs", "returns": "one-hot", "gradient_path": True}),
    (foreign.IndexFunction, {"takes": "probs", "returns": "index", "gradient_path": False}),
    (foreign.one_hot_of_logits, {"takes": "logits", "returns": "one-hot", "relaxed": False}),
    (foreign.one_hot_of_probs, {"takes": "probs", "returns": "one-hot"}),
    (foreign.float_index, {"takes": "probs", "returns": "index", "gradient_path": True}),
    (foreign.sample_and_probs, {"takes": "logits", "returns": "one-hot", "item": 0}),
    (foreign.one_hot_and_index, {"takes": "logits", "returns": "one-hot", "item": 0}),
    (foreign.soft_and_hard, {"takes": "logits", "item": 1, "relaxed": False, "temperature": 1.0}),
    (foreign.bits_of_logits, {"takes": "logits", "returns": "value", "sites": ("Bernoulli",)}),
    (foreign.hard_gumbel, {"takes": "logits", "returns": "one-hot", "state": "none"}),
    (foreign.WithShape, {"takes": "logits", "returns": "one-hot", "temperature": 1.0}),
    (foreign.WithoutShape, {"takes": "probs", "returns": "one-hot"}),
    (functional.gumbel_softmax, {"takes": "logits", "returns": "one-hot", "relaxed": True}),
    (distributions.RelaxedOneHotCategorical, {"takes": "probs", "returns": "one-hot", "relaxed": True}),
    (distributions.OneHotCategoricalStraightThrough, {"takes": "probs", "relaxed": False, "gradient_path": True}),
    (distributions.RelaxedBernoulli, {"returns": "value", "sites": ("Bernoulli",), "relaxed": True}),
    (distributions.OneHotCategorical, {"returns": "one-hot", "gradient_path": False}),
    (distributions.Poisson, {"returns": "value", "sites": ("Poisson",), "gradient_path": False}),
]

HANDED: list[tuple[Any, dict[str, Any]]] = [
    (foreign.handed_first, {"takes": "probs", "handed": "one-hot"}),
    (foreign.handed_second, {"takes": "logits", "handed": "one-hot"}),
]

LOSSES: list[tuple[Any, dict[str, Any]]] = [
    (foreign.reinforce_rows, {"takes": "logits", "returns": "one-hot", "reduction": "rows", "right_value": False}),
    (foreign.reinforce_mean, {"takes": "logits", "reduction": "mean"}),
    (foreign.reinforce_sum, {"takes": "logits", "reduction": "sum"}),
    (foreign.MagicBox, {"takes": "probs", "returns": "index", "reduction": "rows", "right_value": True}),
    (foreign.MovingBaseline, {"takes": "logits", "returns": "value", "state": "cold"}),
    (foreign.batch_baseline, {"takes": "logits", "group": 2, "evaluations": 2}),
    (foreign.value_and_surrogate, {"takes": "logits", "item": 1, "gradient_path": True}),
]

GRADIENTS: list[tuple[Any, dict[str, Any]]] = [
    (foreign.leave_one_out, {"takes": "logits", "samples": 2, "layout": "rows", "evaluations": 2}),
    (foreign.single_precision, {"takes": "logits", "returns": "one-hot", "group": 1, "evaluations": 1}),
    (foreign.arm, {"takes": "logits", "returns": "value", "sites": ("Bernoulli",), "evaluations": 2}),
    (foreign.raw, {"takes": "logits", "layout": "single", "reduction": "rows", "evaluations": 1}),
    (foreign.raw_mean, {"takes": "logits", "layout": "single", "reduction": "mean", "samples": 2, "evaluations": 2}),
    (foreign.numpy_gradient, {"takes": "logits", "detached": True}),
    (foreign.mean_of_batch, {"takes": "logits", "layout": "rows", "reduction": "mean", "group": 1}),
    (foreign.one_point, {"takes": "logits", "layout": "rows", "reduction": "mean", "samples": 2}),
    (foreign.guarded_pairs, {"takes": "logits", "layout": "single", "reduction": "mean", "samples": 2, "evaluations": 2}),
    (foreign.guarded_batch, {"takes": "logits", "layout": "rows", "reduction": "rows", "samples": 2, "group": 1}),
    (foreign.ten_inside, {"takes": "logits", "layout": "single", "reduction": "mean", "evaluations": 10}),
    (foreign.batch_mean_baseline, {"takes": "logits", "layout": "rows", "reduction": "rows", "group": 2}),
    (foreign.gradient_and_score, {"takes": "logits", "layout": "rows", "reduction": "rows", "item": 0}),
]

EVERY = [
    *(("sampler", *each) for each in SAMPLERS),
    *(("handed a sample", *each) for each in HANDED),
    *(("surrogate loss", *each) for each in LOSSES),
    *(("gradient", *each) for each in GRADIENTS),
]


def found(target: Any, hints: ForeignHints | None = None) -> Convention:
    return convention_of(as_estimator(target, "mine", hints))


@pytest.mark.parametrize(("kind", "target", "expected"), EVERY, ids=[getattr(each[1], "__name__", "partial") for each in EVERY])
def test_a_convention_is_found(kind: str, target: Any, expected: dict[str, Any]) -> None:
    """The laws that are compared are 0.2 apart and measured to 0.03, at a fixed seed."""
    convention = found(target)
    assert convention.kind == kind
    assert {name: getattr(convention, name) for name in expected} == expected
    assert convention.takes in convention.sentence()


AMBIGUOUS: list[tuple[Any, str, ForeignHints, dict[str, Any]]] = [
    (foreign.handed_unsaid, "--takes probs or --takes logits", ForeignHints(takes="probs"), {"takes": "probs"}),
    (foreign.all_categories, "--takes probs or --takes logits", ForeignHints(takes="logits"), {"takes": "logits"}),
    (foreign.two_ways, "--returns one-hot|index|value", ForeignHints(returns="index"), {"returns": "index", "item": 1}),
]


@pytest.mark.parametrize(("target", "option", "hints", "expected"), AMBIGUOUS, ids=[each[0].__name__ for each in AMBIGUOUS])
def test_what_could_be_two_is_asked_for_by_name_and_settled_by_it(
    target: Any, option: str, hints: ForeignHints, expected: dict[str, Any]
) -> None:
    with pytest.raises(AmbiguousTargetError) as caught:
        found(target)
    assert str(caught.value).startswith("'mine': ")
    assert option in str(caught.value)
    convention = found(target, hints)
    assert {name: getattr(convention, name) for name in expected} == expected


def test_what_is_stated_and_cannot_be_is_refused() -> None:
    with pytest.raises(AmbiguousTargetError, match="--returns index was given, but it returns one-hot; remove --returns"):
        found(foreign.one_hot_of_logits, ForeignHints(returns="index"))


def tilted(logits: Tensor) -> Tensor:
    """A sampler whose law is wrong whatever it takes."""
    return foreign.one_hot_of_logits(logits * 0.3)


def test_a_law_that_fits_nothing_is_asked_for_and_then_believed() -> None:
    """So that a sampler with a wrong law gets its verdict from the forward check."""
    with pytest.raises(AmbiguousTargetError, match=r"neither probabilities nor logits .* say --takes probs or --takes logits"):
        found(tilted)
    assert found(tilted, ForeignHints(takes="logits")).takes == "logits"


@pytest.mark.parametrize("returns", ["", "value"])
def test_bits_with_a_wrong_law_stay_bits(returns: str) -> None:
    """A count comes nearer to their law; what never passes one is none."""
    assert found(foreign.HalfBits, ForeignHints(takes="probs", returns=returns)).sites == ("Bernoulli",)


def scalar_root(f: Any, logits: Tensor) -> Tensor:
    """A loss that is neither a mean nor a sum over rows."""
    return foreign.reinforce_sum(logits, f) / logits.shape[0] ** 0.5


def twins(logits: Tensor) -> tuple[Tensor, Tensor]:
    """Two samples of one form."""
    return foreign.one_hot_of_logits(logits), foreign.one_hot_of_logits(logits)


def loss_a_bit(f: Any, logits: Tensor) -> Tensor:
    """One log-probability a bit, at one point; without its graph it has a gradient's shape."""
    bits = distributions.Bernoulli(logits=logits)
    z = bits.sample()
    return bits.log_prob(z) * f(z).detach()


def loss_a_bit_of_a_batch(f: Any, probs: Tensor) -> Tensor:
    """The same of a batch of probabilities, with a baseline."""
    bits = distributions.Bernoulli(probs)
    z = bits.sample()
    return bits.log_prob(z) * (f(z).detach() - 3.0).unsqueeze(-1)


def score_of_a_bit(f: Any, logits: Tensor) -> Tensor:
    """A gradient in closed form; its graph is nobody's business."""
    z = distributions.Bernoulli(logits=logits).sample()
    return (z - logits.sigmoid()) * f(z).detach().unsqueeze(-1)


def freed_graph(f: Any, logits: Tensor) -> Tensor:
    """The same, after it differentiated part of its graph itself."""
    p = logits.sigmoid()
    if logits.requires_grad:
        torch.autograd.grad(p.sum(), logits)
    z = torch.bernoulli(p.detach())
    return (z - p) * f(z).detach().unsqueeze(-1)


@pytest.mark.parametrize("target", [score_of_a_bit, freed_graph])
def test_a_gradient_that_carries_a_graph_is_no_loss(target: Any) -> None:
    assert found(target).kind == "gradient"


SETTLED_BY_NOTHING = [
    (scalar_root, "one loss per row"),
    (twins, "entries 0 and 1"),
    (loss_a_bit, "a loss for each bit"),
    (loss_a_bit_of_a_batch, "a loss for each bit"),
]


@pytest.mark.parametrize(("target", "said"), SETTLED_BY_NOTHING)
def test_what_no_option_settles_says_what_to_write_instead(target: Any, said: str) -> None:
    with pytest.raises(AmbiguousTargetError, match=said):
        found(target)


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


def signs(p: Tensor) -> Tensor:
    """Values -1 and 1; logits are refused by PyTorch, in words of its own."""
    return 2 * torch.bernoulli(p) - 1


def unsummed(f: Any, logits: Tensor) -> Tensor:
    """One log-probability a bit, times one value a row."""
    bits = distributions.Bernoulli(logits=logits)
    z = bits.sample()
    return (bits.log_prob(z) * f(z).detach()).mean()


@pytest.mark.parametrize(
    ("target", "said"),
    [
        (signs, r"it returned the values -1 and 1, not one-hot vectors, indices, bits \(0 and 1\) or counts"),
        (unsummed, r"parameters come as \[rows, k\], also for one bit"),
        (a_row_short, r"it returned shape \(4095, 4\) for probs of shape \(4096, 4\)"),
        (in_place, "it changed the probs that it was handed, in place; copy them first"),
        (raising, "a call raised ZeroDivisionError: no rows to spare"),
        (constant, "its result cannot be read as a sample, a loss or a gradient"),
    ],
)
def test_what_is_none_of_these_says_what_was_seen(target: Any, said: str) -> None:
    with pytest.raises(UnrecognisedTargetError, match=rf"'mine' is a function, not an estimator: .*{said}"):
        found(target)


def test_an_invitation_to_write_to_others_is_left_out() -> None:
    trial = Trial(torch.bernoulli, (), ForeignHints())
    assert trial.attempt(SamplerConvention((("", "theta"),), "logits"), {"theta": make_parameters("logits")}) is None
    (said,) = trial.errors
    assert said.startswith("a call raised RuntimeError: ")
    assert "improved" not in said


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
    assert found(wrapped_sampler).takes == "logits"
    assert found(foreign.BitFunction.apply) == found(foreign.BitFunction)


def test_a_convention_that_is_known_is_not_probed_for() -> None:
    """Else a worker would call foreign code that was called before, and might find something else."""
    known = SamplerConvention((("", "theta"),), "logits", returns="one-hot", sites=("OneHotCategorical",))
    assert convention_of(as_estimator(raising, "mine", convention=known)) == known


def test_what_cannot_be_called_is_no_target() -> None:
    with pytest.raises(TargetError, match="'mine' is a int, not an estimator; expected a callable"):
        as_estimator(3, "mine")


def test_conventions_differ_in_their_sentence() -> None:
    sentences = {found(target).sentence() for _, target, _ in EVERY}
    assert len(sentences) >= 20
    assert all(each.endswith("objective: discrete") for each in sentences)


def test_sites_of_other_kinds_are_refused() -> None:
    bits = as_estimator(foreign.BitFunction, "mine")
    program = lambda params, sample: sample(distributions.Categorical(logits=params))  # noqa: E731
    with pytest.raises(UnsupportedSiteError, match="site 0: Categorical is not supported; its samples are Bernoulli samples"):
        bits(program, torch.zeros(3), 2, torch.Generator())


def test_found_by_its_function_find_convention_agrees() -> None:
    assert find_convention(foreign.one_hot_of_probs) == found(foreign.one_hot_of_probs)

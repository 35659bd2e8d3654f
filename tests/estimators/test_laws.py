"""The laws that every registered estimator inherits.

A claim of the mean is held to rounding over all outcomes of the estimator's own randomness (exact mode), where they can be
listed. Where they cannot, and once more on one case with the outcomes drawn, it is a statistical law: two-sided false-fail rate
9.6e-7 a coordinate at fixed seeds; a pilot run sets the number of rows such that an error of a tenth of the largest gradient
coordinate is found with probability 97.5 % or more, which each test asserts of itself.

An estimator that refuses a case's structure (`applies`) has no such pair; one law holds the refusals themselves.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Hashable
from contextlib import AbstractContextManager
from dataclasses import FrozenInstanceError, fields, is_dataclass, replace
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.distributions import Bernoulli, Categorical, Distribution, Normal, OneHotCategorical

from gradverify.estimators import ESTIMATORS, Estimator, NoGradientPathError, NotApplicableError, Program, Sample
from gradverify.estimators.protocol import ALL_SITES, describe
from gradverify.estimators.sites.reading import COUNT_SITES

from .intervals import QUANTILE, smallest_visible, z_scores
from .laws import check_claim, check_mean, check_refusals, first_coordinate, fitted, forward_law, moved_rows, rows_of
from .programs import (
    CASES,
    Case,
    applies,
    chain_of_indices,
    chain_of_one_hots,
    one_step,
    polynomial_bits,
    polynomial_index,
    single_index,
    single_one_hot,
    supports,
)

RUNNABLE = {name: each for name, each in ESTIMATORS.items() if describe(each).claims.bias != "no-gradient"}
UNBIASED = {name: each for name, each in ESTIMATORS.items() if describe(each).claims.bias == "unbiased"}
NO_GRADIENT = {name: each for name, each in ESTIMATORS.items() if describe(each).claims.bias == "no-gradient"}
EXACT_DEGREE = {name: each for name, each in RUNNABLE.items() if describe(each).claims.exact_degree is not None}
NOISY = {name: each for name, each in RUNNABLE.items() if not describe(each).deterministic}

PILOT, PILOT_STEPS = 50, 3
"""Rows and steps that an estimator learns from where only the form of its rows is looked at."""

TEXTS = {
    "chain": (Case("", chain_of_one_hots, (0.3, -0.4, 0.6), (OneHotCategorical, Categorical)), chain_of_indices),
    "single": (Case("", single_one_hot, (0.3, -0.4, 0.6), (OneHotCategorical, Categorical)), single_index),
}
"""Programs written with one-hot vectors, and again with indices."""

DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
DTYPES = [torch.float32, torch.float64]
QUICK = ("bits", "index chain", "walk", "subset")
"""Cases that are not slow: independent and chained sites, a Markov program, and the one site that few estimators support."""


def _each(estimators: dict[str, Estimator]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("estimator", estimators.values(), ids=estimators.keys())


def pairs_of(estimators: dict[str, Estimator]) -> pytest.MarkDecorator:
    """Parametrise a law by every estimator and every case that it does not refuse."""
    pairs = [
        pytest.param(estimator, case, id=f"{name}-{case.name}", marks=() if case.name in QUICK else pytest.mark.slow)
        for name, estimator in estimators.items()
        for case in CASES
        if applies(estimator, case)
    ]
    return pytest.mark.parametrize(("estimator", "case"), pairs)


@_each(RUNNABLE)
def test_what_is_refused_is_a_kind_of_program_and_not_everything(estimator: Estimator) -> None:
    check_refusals(estimator)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pairs_of(RUNNABLE)
def test_rows_have_the_shape_dtype_and_device_of_params_and_are_finite(
    estimator: Estimator, case: Case, dtype: torch.dtype, device: str
) -> None:
    params = case.point(dtype, device)
    learnt = fitted(estimator, case.program, params, num_samples=PILOT, steps=PILOT_STEPS)
    for num_samples in (1, 7):
        rows = rows_of(learnt, case.program, params, num_samples)
        assert rows.shape == (num_samples, *params.shape)
        assert (rows.dtype, rows.device) == (params.dtype, params.device)
        assert rows.isfinite().all()
        assert not rows.requires_grad


@pairs_of(RUNNABLE)
def test_seeds_alone_decide_the_rows(estimator: Estimator, case: Case) -> None:
    """Seven rows of small programs can coincide by chance: 200 rows cannot, where any row is random."""
    params = case.point()
    torch.manual_seed(1)
    first = fitted(estimator, case.program, params, num_samples=PILOT, steps=PILOT_STEPS)
    rows = rows_of(first, case.program, params, 200, seed=1)
    state = torch.random.get_rng_state()
    torch.manual_seed(2)
    again = fitted(estimator, case.program, params, num_samples=PILOT, steps=PILOT_STEPS)
    assert torch.equal(rows, rows_of(again, case.program, params, 200, seed=1))
    different = not torch.equal(rows, rows_of(first, case.program, params, 200, seed=2))
    assert different != describe(estimator).deterministic
    torch.manual_seed(1)
    assert torch.equal(state, torch.random.get_rng_state()), "the global generator was used"


@pairs_of(RUNNABLE)
def test_params_are_left_alone(estimator: Estimator, case: Case) -> None:
    params = case.point().requires_grad_()
    learnt = fitted(estimator, case.program, params, num_samples=PILOT, steps=PILOT_STEPS)
    rows = rows_of(learnt, case.program, params, 5)
    assert params.grad is None
    assert not rows.requires_grad
    assert torch.equal(params.detach(), case.point())


@pairs_of(NOISY)
def test_rows_are_isolated(estimator: Estimator, case: Case) -> None:
    assert moved_rows(estimator, case) == {0}


@pairs_of(UNBIASED)
def test_unbiased_claims_agree_with_the_exact_gradient(estimator: Estimator, case: Case) -> None:
    check_claim(estimator, case.program, case.point(), case.exact())


@_each({name: each for name, each in NOISY.items() if name in UNBIASED})
def test_unbiased_claims_agree_with_the_exact_gradient_by_sampling(estimator: Estimator) -> None:
    """On the least noisy case that is not refused."""
    quiet = ("direct dependence", "walk")
    case = next(case for name in quiet for case in CASES if case.name == name and applies(estimator, case))
    check_mean(fitted(estimator, case.program, case.point()), case.program, case.point(), case.exact())


@_each(EXACT_DEGREE)
@pytest.mark.parametrize(
    ("family", "site", "point"),
    [
        pytest.param(polynomial_bits, Bernoulli, (0.4, -0.8, 2.2), id="bits"),
        pytest.param(polynomial_index, Categorical, (0.5, -1.0, 0.3, -2.1), id="index"),
    ],
)
def test_exact_degree_claims_agree_with_the_exact_gradient(
    estimator: Estimator, family: Callable[[int], Program], site: type[Distribution], point: tuple[float, ...]
) -> None:
    degree = describe(estimator).claims.exact_degree
    assert degree is not None
    case = Case("polynomial", family(degree), point, (site,))
    if not supports(estimator, case):
        pytest.skip(f"{site.__name__} sites are not supported")
    check_claim(estimator, case.program, case.point(), case.exact())


@pytest.mark.parametrize("site", ALL_SITES)
@_each(NO_GRADIENT)
def test_no_gradient_claims_raise_where_a_gradient_is_needed(estimator: Estimator, site: type[Distribution]) -> None:
    if site not in describe(estimator).sites:
        pytest.skip("not a site that it supports")
    with pytest.raises(NoGradientPathError, match=r"site 0 .*carries none"):
        rows_of(estimator, first_coordinate(site), torch.zeros(3), 2)


@pytest.mark.parametrize("site", ALL_SITES)
@_each(ESTIMATORS)
def test_unsupported_sites_are_refused(estimator: Estimator, site: type[Distribution]) -> None:
    supported = describe(estimator).sites
    if site in supported:
        pytest.skip("supported")
    if site in COUNT_SITES and Categorical in supported:
        pytest.skip("a count is read as a category: left out for what it costs, not for what it is")
    with pytest.raises(NotApplicableError):
        rows_of(estimator, first_coordinate(site), torch.zeros(3), 2)


@_each(ESTIMATORS)
def test_unknown_sites_are_refused_by_name(estimator: Estimator) -> None:
    with pytest.raises(NotApplicableError, match="Normal is not supported"):
        rows_of(estimator, one_step(lambda params: Normal(params, 1.0), lambda value: value), torch.tensor(0.5), 2)


@_each(RUNNABLE)
def test_a_site_without_rows_is_refused(estimator: Estimator) -> None:
    site = describe(estimator).sites[0]
    shared = torch.full((4,), 0.25)
    with pytest.raises(NotApplicableError, match="first dimension must be the"):
        rows_of(estimator, one_step(lambda params: site(probs=shared), lambda value: value), torch.zeros(4), 3)


@pytest.mark.parametrize("off", [torch.no_grad, torch.inference_mode])
@_each({name: each for name, each in ESTIMATORS.items() if name != "finite_difference"})
def test_switched_off_gradients_are_refused(estimator: Estimator, off: Callable[[], AbstractContextManager[None]]) -> None:
    """Every backward pass would find nothing, and its zeros would pass for an estimate; differences of values need none."""
    site = describe(estimator).sites[0]
    with off(), pytest.raises(RuntimeError, match=r"gradients are switched off; call the estimator outside torch\.no_grad"):
        rows_of(estimator, first_coordinate(site), torch.zeros(3), 2)


@pytest.mark.parametrize("num_samples", [0, -1])
@_each({name: each for name, each in RUNNABLE.items() if hasattr(each, "fit")})
def test_a_fit_on_no_rows_is_refused(estimator: Any, num_samples: int) -> None:
    program = first_coordinate(describe(estimator).sites[0])
    with pytest.raises(ValueError, match="num_samples"):
        estimator.fit(program, torch.zeros(3), num_samples=num_samples, generator=torch.Generator())


@pytest.mark.parametrize("shape", [(), (2,)], ids=["scalar", "vector"])
@_each({name: each for name, each in RUNNABLE.items() if name != "finite_difference"})
def test_a_program_without_chance_is_differentiated_or_refused(estimator: Estimator, shape: tuple[int, ...]) -> None:
    """One that draws nothing, and one whose only site has one category, whatever the parameters."""

    def one_category(params: Tensor, sample: Sample) -> Tensor:
        return plain(params, sample) * (1 + sample(Categorical(logits=params.reshape(len(params), -1)[:, :1])))

    params = torch.full(shape, 0.7, dtype=torch.float64)
    for program in (plain, one_category):
        try:
            rows = rows_of(fitted(estimator, program, params, num_samples=PILOT, steps=PILOT_STEPS), program, params, 4)
        except NotApplicableError:
            continue
        torch.testing.assert_close(rows, (2 * params).expand_as(rows), rtol=0, atol=1e-12)


def plain(params: Tensor, sample: Sample) -> Tensor:
    """The sum of the parameters' squares."""
    return params.square().reshape(len(params), -1).sum(1)


@pytest.mark.parametrize("texts", TEXTS)
@_each({name: each for name, each in UNBIASED.items() if not describe(each).needs_differentiable})
def test_one_hot_text_and_index_text_give_the_same_rows(estimator: Estimator, texts: str) -> None:
    """The index is canonical, so two texts of one program draw the same outcomes from the same seed."""
    case, by_lookup = TEXTS[texts]
    if not applies(estimator, case):
        pytest.skip("its sites or its structure are refused")
    params = case.point()
    by_arithmetic, by_index = (rows_of(estimator, text, params, 500) for text in (case.program, by_lookup))
    torch.testing.assert_close(by_arithmetic, by_index, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("site", [Bernoulli, Categorical, OneHotCategorical])
@_each({name: each for name, each in NOISY.items() if describe(each).forward != "forced"})
def test_the_program_is_handed_samples_of_the_right_law(estimator: Estimator, site: type[Distribution]) -> None:
    """Category frequencies in the first full evaluation; a relaxed sample counts as its largest category."""
    described = describe(estimator)
    if site not in described.sites or (site is Categorical and described.forward == "relaxed"):
        pytest.skip("not a site that it supports, or one whose relaxed samples have no category")
    try:
        frequencies, probabilities = forward_law(estimator, site, torch.tensor([0.5, -1.0, 0.3], dtype=torch.float64))
    except NotApplicableError as refusal:
        pytest.skip(str(refusal))
    assert (z_scores(frequencies, probabilities) < QUANTILE).all()
    assert (smallest_visible(frequencies) < 0.02).all()


@_each({name: each for name, each in RUNNABLE.items() if describe(each).evaluations is not None})
def test_the_declared_evaluations_are_run(estimator: Estimator) -> None:
    """Rows that the program is given for each replicate; a look at its structure has far fewer of them."""
    site = Bernoulli if Bernoulli in describe(estimator).sites else Categorical
    batches: list[int] = []

    def program(params: Tensor, sample: Sample) -> Tensor:
        batches.append(len(params))
        return (1 + sample(site(logits=params))).square().reshape(len(params), -1).sum(1)

    rows_of(estimator, program, torch.tensor([0.3, -0.2, 0.4]), 1000)
    assert sum(each for each in batches if each >= 1000) == 1000 * (describe(estimator).evaluations or 0)


@_each(ESTIMATORS)
def test_instances_are_values(estimator: Estimator) -> None:
    assert is_dataclass(estimator)
    assert isinstance(estimator, Hashable)
    copy = pickle.loads(pickle.dumps(estimator))
    assert copy == estimator
    assert hash(copy) == hash(estimator)
    assert replace(estimator) == estimator
    for field in fields(estimator):
        with pytest.raises(FrozenInstanceError):
            setattr(estimator, field.name, None)
    with pytest.raises(FrozenInstanceError):
        estimator.unknown = 1  # type: ignore[attr-defined]


@_each(ESTIMATORS)
def test_estimators_say_what_they_are(estimator: Estimator) -> None:
    described = describe(estimator)
    documentation = type(estimator).__doc__ or ""
    assert documentation.strip()
    assert not documentation.startswith(type(estimator).__name__ + "("), "only the generated signature"
    assert described.reference
    assert described.claims.bias in ("unbiased", "biased", "no-gradient")
    assert set(described.sites) <= set(ALL_SITES)
    assert described.evaluations is None or described.evaluations >= 1
    assert isinstance(estimator, Estimator)

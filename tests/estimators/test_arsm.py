"""ARS and ARSM against the exact gradient, and against ARM's exact moments where there are two categories.

Statistical tests: two-sided false-fail rate 9.6e-7 a number at fixed seeds; each asserts what it would have seen.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.distributions import Bernoulli, Categorical, OneHotCategorical

from gradverify.estimators import Estimator, NotApplicableError, Program, Sample, arsm
from gradverify.estimators.arsm import ARS, ARSM
from gradverify.estimators.enumeration import enumerate_paths

from .antithetic_moments import LOGITS, arm_moments, check_moments, cubed, probability, two_bits
from .intervals import QUANTILE, smallest_visible, z_scores

TWO_OF_FOUR = torch.tensor([[0.2, -0.5, 1.1, -2.3], [-0.7, 0.6, 0.1, 0.4]], dtype=torch.float64)
SCORES = torch.tensor([1.3, -0.4, 0.9, 2.1], dtype=torch.float64)


def two_elements(params: Tensor, sample: Sample) -> Tensor:
    drawn = sample(OneHotCategorical(logits=params))
    first, second = (drawn @ SCORES).unbind(1)
    return 3 + (first - 0.5 * second + 0.3) ** 3 + first * second * drawn[:, 1, 0]


def mixed_sites(params: Tensor, sample: Sample) -> Tensor:
    """Three categories and two: elements that do not have all the swaps; and a derivative of the objective itself."""
    index = sample(Categorical(logits=params))
    bits = sample(Bernoulli(logits=params[:, :2]))
    return 3 + index * bits[:, 0] * bits[:, 1] + (index + bits[:, 0] - 2 * bits[:, 1]) ** 2 + params[:, 0] * index


def scores(estimator: Estimator, program: Program, params: Tensor, *, visible: float = 0.3) -> Tensor:
    exact = enumerate_paths(program, params).gradient()
    rows = estimator(program, params, 50_000, torch.Generator().manual_seed(1))
    assert (smallest_visible(rows) < visible * exact.abs().max()).all()
    return z_scores(rows, exact)


@pytest.mark.parametrize("estimator", [ARS(), ARS(pivot=1), ARSM()])
@pytest.mark.parametrize(
    ("program", "params"),
    [
        pytest.param(two_elements, TWO_OF_FOUR, id="two elements"),
        pytest.param(mixed_sites, torch.tensor([0.3, -1.5, 1.2], dtype=torch.float64), id="mixed sites"),
    ],
)
def test_unbiased(estimator: Estimator, program: Program, params: Tensor) -> None:
    assert (scores(estimator, program, params) < QUANTILE).all()


def test_two_categories_are_arm() -> None:
    rows = ARSM()(two_bits, LOGITS, 100_000, torch.Generator().manual_seed(1))
    check_moments(rows, *arm_moments(cubed, probability(LOGITS)), visible=0.15)


def test_arsm_is_the_mean_of_ars_over_pivots() -> None:
    """From one seed all of them see the same Dirichlet draw."""

    def rows(estimator: Estimator) -> Tensor:
        return estimator(lambda rows, sample: (sample(Categorical(logits=rows)) + 1) ** 3, TWO_OF_FOUR[0], 500, generator())

    def generator() -> torch.Generator:
        return torch.Generator().manual_seed(1)

    torch.testing.assert_close(rows(ARSM()), torch.stack([rows(ARS(pivot)) for pivot in range(4)]).mean(0))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("estimator", [ARS(), ARSM()])
def test_extreme_and_impossible_categories_give_finite_rows(estimator: Estimator, dtype: torch.dtype) -> None:
    params = torch.tensor([30.0, -30.0, 0.0, -200.0], dtype=dtype)
    rows = estimator(
        lambda rows, sample: (sample(Categorical(logits=rows)) + 1) ** 3, params, 2000, torch.Generator().manual_seed(1)
    )
    assert rows.isfinite().all()


@pytest.mark.parametrize("estimator", [ARS(), ARSM()])
def test_chains_are_refused_by_name(estimator: Estimator) -> None:
    def chain(params: Tensor, sample: Sample) -> Tensor:
        return sample(Categorical(logits=params * sample(Categorical(logits=params)).unsqueeze(1)))

    with pytest.raises(NotApplicableError, match=r"ARSM?: .*depend on earlier outcomes"):
        estimator(chain, torch.tensor([0.3, -0.2, 0.5]), 2, torch.Generator())


def test_a_pivot_that_a_site_lacks_is_refused() -> None:
    with pytest.raises(NotApplicableError, match="pivot=-1"):
        ARS(pivot=-1)
    with pytest.raises(NotApplicableError, match="pivot=2; a site has only 2"):
        ARS(pivot=2)(mixed_sites, torch.zeros(3), 2, torch.Generator())


def cyclic(swaps: list[tuple[int, int]], categories: int, device: torch.device) -> Tensor:
    """Rotations where swaps belong."""
    return torch.stack([torch.arange(categories, device=device).roll(m - j) for m, j in swaps])


def shared_by_elements(probs: Tensor, generator: torch.Generator) -> Tensor:
    """One Dirichlet draw for both elements."""
    exponential = torch.empty_like(probs[:, :1], requires_grad=False).exponential_(generator=generator)
    return (exponential / exponential.sum(-1, keepdim=True)).expand_as(probs)


@pytest.mark.parametrize(("name", "planted"), [("_permutations", cyclic), ("_dirichlet", shared_by_elements)])
def test_planted_bugs_are_found(name: str, planted: Callable[..., Tensor], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arsm, name, planted)
    assert (scores(ARSM(), two_elements, TWO_OF_FOUR) > QUANTILE).any()

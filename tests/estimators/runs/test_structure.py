"""The structure of a program, as a small run finds it."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.distributions import Bernoulli, Categorical, OneHotCategorical

from gradverify.estimators import NotApplicableError, Program, Sample, UnsupportedSiteError
from gradverify.estimators.runs.structure import require_sites, require_unchained, structure_of

from ..programs import CASES, Case


def independent_sites(params: Tensor, sample: Sample) -> Tensor:
    first = sample(Categorical(logits=params))
    second = sample(Bernoulli(torch.sigmoid(params @ params.new_tensor([[1.0, -2.0, 0.3], [0.4, 0.5, 2.0]]).T)))
    return first + second.sum(1) + sample(OneHotCategorical(logits=-params))[:, 0]


def equal_branches(params: Tensor, sample: Sample) -> Tensor:
    """Equal probabilities on both branches, different derivatives."""
    first = sample(Bernoulli(logits=params[:, 0]))
    return sample(Bernoulli(logits=torch.where(first > 0, params[:, 0], params[:, 1])))


def rare_branch(params: Tensor, sample: Sample) -> Tensor:
    """The branch is taken once in a million draws."""
    return sample(Bernoulli(logits=params[:, 0] + sample(Bernoulli(torch.full_like(params[:, 0], 1e-6)))))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_chained_programs_are_recognised(case: Case) -> None:
    assert structure_of(case.program, case.point()).chained == case.chained


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("program", "chained"), [(independent_sites, False), (equal_branches, True), (rare_branch, True)])
def test_subtle_programs_are_recognised(program: Program, chained: bool, dtype: torch.dtype) -> None:
    assert structure_of(program, torch.tensor([0.7, 0.7, 0.7], dtype=dtype)).chained == chained


def test_sites_and_categories_are_listed_in_drawing_order() -> None:
    structure = structure_of(independent_sites, torch.zeros(3))
    assert structure.categories() == [3, 2, 2, 3]
    assert not any(site.requires_grad for site in structure.sites)


def test_impossible_outcomes_are_never_drawn() -> None:
    seen: list[Tensor] = []

    def program(params: Tensor, sample: Sample) -> Tensor:
        seen.append(sample(Categorical(probs=params)))
        seen.append(sample(Bernoulli(params[:, :2] * 0)))
        return seen[0]

    structure_of(program, torch.tensor([0.0, 0.3, 0.0, 0.7]))
    assert set(seen[0].tolist()) == {1.0, 3.0}
    assert (seen[1] == 0).all()


def test_the_run_has_its_own_randomness() -> None:
    before = torch.random.get_rng_state()
    structure_of(independent_sites, torch.zeros(3))
    assert torch.equal(before, torch.random.get_rng_state())


def test_what_does_not_fit_is_refused_by_name() -> None:
    structure = structure_of(independent_sites, torch.zeros(3))
    require_unchained("some rule", structure)
    with pytest.raises(UnsupportedSiteError, match="some rule: site 0 is Categorical with 3 categories; it needs Bernoulli"):
        require_sites("some rule", structure, (Bernoulli,))
    with pytest.raises(NotApplicableError, match=r"some rule: .* depend on earlier outcomes"):
        require_unchained("some rule", structure_of(equal_branches, torch.zeros(2)))

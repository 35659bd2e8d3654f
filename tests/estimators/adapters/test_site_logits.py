"""The logits that foreign code is handed: those of the program, so that a rule that forgets the normaliser is seen."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.distributions import Bernoulli, Categorical, Distribution, OneHotCategorical

from gradverify.estimators.adapters.site_logits import read_parameter
from gradverify.estimators.sites.reading import finite_site_of

GIVEN = torch.tensor([[1.0, -2.0, 0.5], [3.0, 3.0, 4.0]], dtype=torch.float64, requires_grad=True)


@pytest.mark.parametrize("law", [Categorical, OneHotCategorical])
def test_logits_are_those_that_the_program_gave_with_their_graph(law: type[Distribution]) -> None:
    distribution = law(logits=2 * GIVEN)
    logits = read_parameter(distribution, finite_site_of(distribution), "logits", bits=False)
    assert torch.equal(logits, 2 * GIVEN)
    assert not torch.allclose(logits.logsumexp(-1), torch.zeros(2, dtype=torch.float64))
    (slopes,) = torch.autograd.grad(logits[:, 0].sum(), GIVEN)
    assert torch.equal(slopes, torch.tensor([[2.0, 0, 0], [2, 0, 0]], dtype=torch.float64))


@pytest.mark.parametrize("given", [GIVEN.detach(), GIVEN.log_softmax(-1)], ids=["without a graph", "normalised"])
def test_logits_without_a_normaliser_in_their_graph_are_log_probabilities(given: Tensor) -> None:
    distribution = Categorical(logits=given)
    logits = read_parameter(distribution, finite_site_of(distribution), "logits", bits=False)
    torch.testing.assert_close(logits, GIVEN.log_softmax(-1), check_stride=False)


def test_a_site_of_probabilities_has_log_probabilities_as_logits() -> None:
    distribution = Categorical(probs=GIVEN.exp())
    assert distribution.logits is not None  # the distribution keeps them once they were asked for
    logits = read_parameter(distribution, finite_site_of(distribution), "logits", bits=False)
    torch.testing.assert_close(logits, GIVEN.log_softmax(-1))


def test_a_bit_as_two_categories_has_no_constant_logit() -> None:
    distribution = Bernoulli(logits=GIVEN)
    site = finite_site_of(distribution)
    torch.testing.assert_close(read_parameter(distribution, site, "logits", bits=True), GIVEN)
    logits = read_parameter(distribution, site, "logits", bits=False)
    torch.testing.assert_close(logits, torch.stack((-GIVEN / 2, GIVEN / 2), -1))
    probs = read_parameter(distribution, site, "probs", bits=False)
    torch.testing.assert_close(probs, logits.softmax(-1))
    torch.testing.assert_close(read_parameter(distribution, site, "probs", bits=True), GIVEN.sigmoid())

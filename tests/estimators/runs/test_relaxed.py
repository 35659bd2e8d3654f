"""The handler for one-hot rules: every site type is a linear map of one sample, and a lost gradient is an error."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.distributions import Bernoulli, Categorical, OneHotCategorical

from gradverify.estimators import NoGradientPathError, Sample
from gradverify.estimators.runs.relaxed import Rule, differentiate, one_hot, with_rule
from gradverify.estimators.sites.reading import BernoulliSite, CategoricalSite, Site

PARAMS = torch.tensor([0.4, -0.8, 1.2], dtype=torch.float64)


def _mean_field(site: Site, generator: torch.Generator) -> Tensor:
    """The probabilities themselves: every gradient is then known in closed form."""
    return site.probabilities()


def _detached(site: Site, generator: torch.Generator) -> Tensor:
    return site.probabilities().detach()


def _rows(rule: Rule, program: object) -> Tensor:
    return differentiate(rule, program, PARAMS, 2, torch.Generator())  # type: ignore[arg-type]


def _gradient(closed_form: Tensor, leaf: Tensor) -> Tensor:
    (gradient,) = torch.autograd.grad(closed_form, leaf)
    return gradient.expand(2, 3)


def test_bits_are_the_weight_of_the_one() -> None:
    leaf = PARAMS.clone().requires_grad_()
    rows = _rows(_mean_field, lambda params, sample: sample(Bernoulli(logits=params)).prod(-1))
    torch.testing.assert_close(rows, _gradient(leaf.sigmoid().prod(), leaf))


def test_indices_are_the_mean_index() -> None:
    leaf = PARAMS.clone().requires_grad_()
    rows = _rows(_mean_field, lambda params, sample: sample(Categorical(logits=params)) ** 3)
    torch.testing.assert_close(rows, _gradient((leaf.softmax(0) @ torch.arange(3.0, dtype=torch.float64)) ** 3, leaf))


def test_one_hot_values_are_the_sample() -> None:
    leaf = PARAMS.clone().requires_grad_()
    weights = torch.tensor([1.0, -2.0, 5.0], dtype=torch.float64)
    rows = _rows(_mean_field, lambda params, sample: sample(OneHotCategorical(logits=params)) ** 2 @ weights)
    torch.testing.assert_close(rows, _gradient(leaf.softmax(0) ** 2 @ weights, leaf))


def test_multi_element_sites_keep_their_shape() -> None:
    values = {}

    def program(params: Tensor, sample: Sample) -> Tensor:
        for name, kind in (("bits", Bernoulli), ("index", Categorical), ("one-hot", OneHotCategorical)):
            values[name] = sample(kind(logits=params.unsqueeze(1).expand(-1, 4, 3)))
        return sum(value.flatten(1).sum(1) for value in values.values())  # type: ignore[return-value]

    _rows(_mean_field, program)
    assert {name: tuple(value.shape) for name, value in values.items()} == {
        "bits": (2, 4, 3),
        "index": (2, 4),
        "one-hot": (2, 4, 3),
    }


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_one_hot_marks_the_index(dtype: torch.dtype) -> None:
    bits = one_hot(BernoulliSite(torch.tensor([0.5, 0.5], dtype=dtype)), torch.tensor([True, False]))
    assert bits.tolist() == [[0, 1], [1, 0]]
    index = one_hot(CategoricalSite(torch.full((2, 1, 3), 1 / 3, dtype=dtype)), torch.tensor([[2], [0]]))
    assert index.tolist() == [[[0, 0, 1]], [[1, 0, 0]]]
    assert bits.dtype == index.dtype == dtype


@pytest.mark.parametrize("kind", [Bernoulli, Categorical, OneHotCategorical])
def test_a_lost_gradient_is_named_by_its_site(kind: type) -> None:
    """Before any arithmetic of the program: the second site is the culprit though the first one carries a gradient."""
    calls = 0

    def second_lost(site: Site, generator: torch.Generator) -> Tensor:
        nonlocal calls
        calls += 1
        return site.probabilities() if calls == 1 else site.probabilities().detach()

    def program(params: Tensor, sample: Sample) -> Tensor:
        return sample(Bernoulli(logits=params)).sum(-1) + sample(kind(logits=params)).reshape(len(params), -1).sum(-1)

    message = rf"site 1 \({kind.__name__}\): its probabilities require a gradient, its torch.float64 output carries none"
    with pytest.raises(NoGradientPathError, match=message):
        _rows(second_lost, program)


def test_an_integer_output_is_a_lost_gradient() -> None:
    with pytest.raises(NoGradientPathError, match=r"torch\.int64"):
        _rows(
            lambda site, generator: site.probabilities().detach().round().long(),
            lambda params, sample: sample(Bernoulli(logits=params)).double().sum(-1),
        )


def test_a_site_without_parameters_may_lose_nothing() -> None:
    rows = _rows(
        _detached, lambda params, sample: params[:, 0] * sample(Bernoulli(torch.full((2,), 0.25, dtype=torch.float64)))
    )
    assert rows.tolist() == [[0.25, 0.0, 0.0]] * 2


def test_the_primitive_hands_the_generator_on() -> None:
    source = torch.Generator().manual_seed(5)
    drawn = with_rule(lambda site, generator: torch.rand(2, 2, generator=generator), 2, source)(
        Bernoulli(torch.full((2,), 0.5))
    )
    assert torch.equal(drawn, torch.rand(2, 2, generator=torch.Generator().manual_seed(5))[:, 1])

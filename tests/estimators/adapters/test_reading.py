"""Readings of samples: every form is recognised, and its distance from the probing law is measured."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.distributions import Binomial, Geometric, Poisson

from gradverify.estimators.adapters.reading import BINOMIAL_TRIALS, PROBABILITIES, describe_values, read_samples
from gradverify.estimators.adapters.trial import make_samples

P = torch.tensor(PROBABILITIES, dtype=torch.float64)
ROWS = 4096

READ: list[tuple[str, str, Callable[[], Tensor]]] = [
    ("one-hot", "Categorical", lambda: make_samples("one-hot")),
    ("index", "Categorical", lambda: make_samples("index")),
    ("value", "Bernoulli", lambda: make_samples("value")),
    ("value", "Geometric", lambda: Geometric(P).sample((ROWS,))),
    ("value", "Poisson", lambda: Poisson(P).sample((ROWS,))),
    ("value", "Binomial", lambda: Binomial(BINOMIAL_TRIALS, P).sample((ROWS,))),
]


@pytest.mark.parametrize(("form", "site", "draw"), READ, ids=[f"{form}-{site}" for form, site, _ in READ])
def test_samples_of_the_law_are_read_in_their_form(form: str, site: str, draw: Callable[[], Tensor]) -> None:
    """4,096 rows: the error of a frequency exceeds 0.04 with a false-fail rate below 1e-6; the seed is fixed."""
    with torch.random.fork_rng(devices=[]):
        torch.random.default_generator.manual_seed(0)
        nearest = min(read_samples(draw()), key=lambda reading: reading.distance)
    assert (nearest.returns, nearest.relaxed) == (form, False)
    assert site in nearest.sites
    assert nearest.distance < 0.04


def test_a_wrong_law_is_far() -> None:
    uniform = torch.nn.functional.one_hot(torch.arange(ROWS) % 4, 4).double()
    (reading,) = read_samples(uniform)
    assert reading.distance == pytest.approx(0.8 - 0.25, abs=1e-12)


def test_relaxed_samples_are_read_by_their_nearest_point() -> None:
    hard = make_samples("one-hot")
    (soft,) = read_samples(0.8 * hard + 0.05)
    (plain,) = read_samples(hard)
    assert (soft.relaxed, plain.relaxed) == (True, False)
    assert soft.distance == plain.distance


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (torch.tensor([[1.0, -1.0], [-1.0, -1.0]]), "the values -1 and 1"),
        (torch.tensor([[0.5], [0.5]]), "the same values in every row"),
        (torch.tensor([float("nan"), 1.0]), "values that are not finite"),
    ],
)
def test_other_values_are_described(values: Tensor, words: str) -> None:
    assert describe_values(values) == words
    assert list(read_samples(values)) == []

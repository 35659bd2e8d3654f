"""Foreign samplers as estimators: their gradients, their randomness, and what they may not do."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.distributions import Bernoulli, Binomial, Categorical, Geometric, OneHotCategorical
from torch.nn import functional

from gradverify.estimators import NoGradientPathError, Sample, UnsupportedSiteError
from gradverify.estimators.adapters import ForeignError, as_estimator

from ..intervals import QUANTILE, smallest_visible, z_scores
from . import foreign

P = torch.tensor(0.3, dtype=torch.float64)
LOGITS = torch.tensor([0.4, -0.6, 0.1], dtype=torch.float64)
ROWS = 20_000


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def bit_cubic(params: Tensor, sample: Sample) -> Tensor:
    return (sample(Bernoulli(params)) + 1) ** 3


def index_linear(params: Tensor, sample: Sample) -> Tensor:
    return sample(Categorical(logits=params)) + 1


def one_hot_linear(params: Tensor, sample: Sample) -> Tensor:
    return sample(OneHotCategorical(logits=params)) @ torch.tensor([1.0, 2.0, 3.0], dtype=params.dtype)


def two_bits(params: Tensor, sample: Sample) -> Tensor:
    """A site with a batch shape, and one that it feeds."""
    first = sample(Bernoulli(params.unsqueeze(-1).expand(-1, 2)))
    return first.sum(-1) + sample(Bernoulli(0.2 + 0.5 * first[:, 0]))


def geometric(params: Tensor, sample: Sample) -> Tensor:
    return sample(Geometric(params)) * 2


def binomial(params: Tensor, sample: Sample) -> Tensor:
    return sample(Binomial(5, params)) * 2


def true_mean_slope(logits: Tensor) -> Tensor:
    """d E i / d logits."""
    p, index = logits.softmax(-1), torch.arange(3, dtype=logits.dtype)
    return p * (index - p @ index)


EXACT: list[tuple[Any, Any, Tensor, Tensor | float]] = [
    (foreign.BitFunction, bit_cubic, P, 0.7 * 3 + 0.3 * 12),  # straight-through: 5.7 where the gradient is 7
    (foreign.BitFunction, two_bits, P, 2.5),
    (foreign.CountFunction, geometric, P, -2 / 0.3**2),
    (foreign.BinomialFunction, binomial, P, 10.0),
    (foreign.float_index, index_linear, LOGITS, true_mean_slope(LOGITS)),
    (foreign.one_hot_of_probs, one_hot_linear, LOGITS, true_mean_slope(LOGITS)),
    (foreign.OneHotFunction, one_hot_linear, LOGITS, true_mean_slope(LOGITS)),
    (foreign.handed_first, one_hot_linear, LOGITS, true_mean_slope(LOGITS)),
    (foreign.handed_second, index_linear, LOGITS, true_mean_slope(LOGITS)),
    (foreign.WithoutShape, index_linear, LOGITS, true_mean_slope(LOGITS)),
]


@pytest.mark.parametrize(
    ("target", "program", "params", "mean"), EXACT, ids=[f"{each[0].__name__}-{each[1].__name__}" for each in EXACT]
)
def test_its_mean_is_that_of_the_rule_that_it_writes_down(target: Any, program: Any, params: Tensor, mean: Tensor) -> None:
    """False-fail rate 9.6e-7 a coordinate; an error of a tenth would have been seen."""
    rows = as_estimator(target, "mine")(program, params, ROWS, seeded())
    assert rows.shape == (ROWS, *params.shape)
    assert rows.dtype == params.dtype
    assert float(z_scores(rows, mean).max()) < QUANTILE
    assert float(smallest_visible(rows).max()) < 0.1 * float(torch.as_tensor(mean).abs().max())
    assert float(z_scores(rows, mean * 1.2).max()) > QUANTILE or not bool((rows != rows[0]).any())


@pytest.mark.parametrize("target", [foreign.IndexFunction, OneHotCategorical, Categorical])
def test_a_sample_without_a_gradient_is_an_outcome(target: Any) -> None:
    with pytest.raises(NoGradientPathError, match=r"site 0: its probs require a gradient, the torch\.\w+ sample carries none"):
        as_estimator(target, "mine")(index_linear if target is not OneHotCategorical else one_hot_linear, LOGITS, 8, seeded())


def test_the_path_is_seen_before_the_type_is_changed() -> None:
    """A float32 sample with a gradient goes on in the program's type."""
    rows = as_estimator(foreign.bits_of_logits, "mine")(bit_cubic, P, 8, seeded())
    assert rows.dtype == torch.float64


class NoisyBackward(torch.autograd.Function):
    """A bit whose derivative is drawn in the backward pass."""

    @staticmethod
    def forward(ctx: Any, p: Tensor) -> Tensor:
        return torch.bernoulli(p)

    @staticmethod
    def backward(ctx: Any, *grad: Tensor) -> Tensor:
        return grad[0] * 2 * torch.rand_like(grad[0])


def numpy_noise(probs: Tensor) -> Tensor:
    """A one-hot vector from NumPy's global generator, shifted by one from Python's."""
    uniform = torch.from_numpy(np.random.rand(len(probs), 1)) * (1 if random.random() >= 0 else 0)
    index = (uniform > probs.detach().cumsum(-1)[:, :-1]).sum(-1)
    return functional.one_hot(index, probs.shape[-1]).to(probs) + probs - probs.detach()


@pytest.mark.parametrize(
    ("target", "program", "params"), [(NoisyBackward, bit_cubic, P), (numpy_noise, one_hot_linear, LOGITS)]
)
def test_global_randomness_is_seeded_forward_and_backward_and_put_back(target: Any, program: Any, params: Tensor) -> None:
    estimator = as_estimator(target, "mine")
    # Python's generator is put back too, but the type checks of the tests draw from it.
    before = torch.random.get_rng_state(), np.random.get_state()[1].tobytes()  # type: ignore[union-attr]
    first, second, other = (estimator(program, params, 64, seeded(each)) for each in (1, 1, 2))
    after = torch.random.get_rng_state(), np.random.get_state()[1].tobytes()  # type: ignore[union-attr]
    assert torch.equal(before[0], after[0])
    assert before[1] == after[1]
    assert torch.equal(first, second)
    assert NoisyBackward is not target or not torch.equal(first, other)


def grown(probs: Tensor) -> Tensor:
    """Another shape once there are two categories."""
    drawn = foreign.one_hot_of_probs(probs)
    return drawn.repeat(2, 1) if probs.shape[-1] == 2 else drawn


def spoiled(probs: Tensor) -> Tensor:
    """Changes its input once there are two categories."""
    drawn = foreign.one_hot_of_probs(probs)
    if probs.shape[-1] == 2:
        probs.data.zero_()
    return drawn


@pytest.mark.parametrize(
    ("target", "said"),
    [
        (grown, r"it returned shape \(16, 2\); expected \(8, 2\)"),
        (spoiled, "it changed the probs that it was handed, in place"),
    ],
)
def test_what_breaks_its_convention_later_is_named(target: Any, said: str) -> None:
    with pytest.raises(ForeignError, match=said):
        as_estimator(target, "mine")(bit_cubic, P, 8, seeded())


def test_sites_of_other_kinds_are_refused() -> None:
    bits = as_estimator(foreign.BitFunction, "mine")
    with pytest.raises(UnsupportedSiteError, match="site 0: Categorical is not supported; its samples are Bernoulli samples"):
        bits(index_linear, LOGITS, 2, seeded())

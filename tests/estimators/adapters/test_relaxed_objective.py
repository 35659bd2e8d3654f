"""Differences of the relaxed objective against its derivative, where that is known."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.distributions import Bernoulli, OneHotCategorical
from torch.nn.functional import gumbel_softmax

from gradverify.estimators import Sample
from gradverify.estimators.adapters import ForeignError, RelaxedDifference, as_estimator

from . import foreign


def cubic(params: Tensor, sample: Sample) -> Tensor:
    value = sample(OneHotCategorical(logits=params)) @ torch.tensor([0.5, -1.0, 2.0], dtype=params.dtype)
    return (value + 1) ** 3


def bit(params: Tensor, sample: Sample) -> Tensor:
    return (sample(Bernoulli(params)) + 1) ** 3


CASES = [(cubic, [0.3, 0.0, -0.5]), (bit, 0.3)]


@pytest.mark.parametrize(("program", "point"), CASES, ids=["vector", "scalar"])
def test_every_row_is_the_derivative_of_its_own_objective(program: object, point: object) -> None:
    """With the noise held, a difference and the sampler's own derivative agree row by row: no statistics."""
    params = torch.tensor(point, dtype=torch.float64)
    sampler = as_estimator(gumbel_softmax, "mine")
    difference = RelaxedDifference(sampler)  # type: ignore[arg-type]
    rows, slopes = (each(program, params, 64, torch.Generator().manual_seed(4)) for each in (difference, sampler))  # type: ignore[arg-type]
    assert rows.shape == (64, *params.shape)
    torch.testing.assert_close(rows, slopes, rtol=1e-6, atol=1e-6)
    assert not torch.allclose(rows, 1.001 * slopes, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("program", "point"), CASES, ids=["vector", "scalar"])
def test_samples_that_jump_have_no_difference(program: object, point: object) -> None:
    """With the noise held nothing but a jump moves them: their differences would all be zero."""
    params = torch.tensor(point, dtype=torch.float64)
    sampler = as_estimator(foreign.smoothed, "mine")
    with pytest.raises(ForeignError, match=r"its relaxed samples jump as the parameters move \(\d+ of 4096 rows\)"):
        RelaxedDifference(sampler)(program, params, 10_000, torch.Generator().manual_seed(4))  # type: ignore[arg-type]

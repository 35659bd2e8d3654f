"""Exponential noise: its law, and that it is never zero.

Statistical tests: two-sided false-fail rate 9.6e-7 a number; the smallest error that they find is asserted.
"""

from __future__ import annotations

import pytest
import torch

from gradverify.estimators.runs.exponential_noise import exponential_like

from ..intervals import QUANTILE, smallest_visible, z_scores


def test_its_law_is_the_standard_exponential() -> None:
    """The mean is 1, the mean square 2, and the distribution function is uniform: mean 1/2."""
    noise = exponential_like(torch.zeros(200_000, dtype=torch.float64), torch.Generator().manual_seed(0))
    for sample, exact in ((noise, 1.0), (noise.square(), 2.0), (-torch.expm1(-noise), 0.5)):
        assert z_scores(sample, exact) < QUANTILE
        assert smallest_visible(sample) < 0.04 * exact


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_it_is_positive_and_takes_shape_and_type_of_its_model(dtype: torch.dtype) -> None:
    model = torch.zeros(3, 5, dtype=dtype, requires_grad=True)
    noise = exponential_like(model, torch.Generator().manual_seed(0))
    assert noise.shape == model.shape
    assert noise.dtype == dtype
    assert not noise.requires_grad
    assert (noise >= torch.finfo(dtype).tiny).all()


def test_an_expanded_model_gets_draws_of_its_own() -> None:
    """A view of one number has one place in memory; its draws must not share it."""
    noise = exponential_like(torch.zeros(1).expand(50), torch.Generator().manual_seed(0))
    assert len(noise.unique()) == 50


def test_a_draw_of_zero_is_lifted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.Tensor, "exponential_", lambda self, generator: self.zero_())
    noise = exponential_like(torch.zeros(2), torch.Generator())
    assert noise.tolist() == [torch.finfo(torch.float32).tiny] * 2

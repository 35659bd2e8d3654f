"""The bounds on rounding errors: powers of the scale, and enough for sums of the floating type."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from gradverify.verification.statistics.rounding import bias_rounding, relative_rounding, variance_rounding


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_bounds_scale_with_the_gradient(dtype: torch.dtype) -> None:
    scale = np.array([0.5, 0.0, 4.0])
    relative = relative_rounding(dtype)
    np.testing.assert_array_equal(bias_rounding(scale, dtype), [0.5 * relative, relative, 4 * relative])
    assert variance_rounding(scale, dtype) == pytest.approx(16 * relative, rel=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_rounded_number_lies_well_within_the_bound(dtype: torch.dtype) -> None:
    """One operation rounds by half an epsilon at most; the bound leaves room for more than ten in a row."""
    assert 10 * torch.finfo(dtype).eps / 2 < relative_rounding(dtype) < 1e4 * torch.finfo(dtype).eps

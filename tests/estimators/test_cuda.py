"""On a GPU: estimators run there, agree with the CPU in law, and do not make the host wait in the middle of a walk.

Means are compared at 4.9 standard errors, a false-fail rate of 9.6e-7 each. Everything here skips without a device.
"""

from __future__ import annotations

import pytest
import torch

from gradverify.estimators import Estimator, LeaveOneOut, ScoreFunction, SmoothedTriple, StochasticTriple, StraightThrough
from gradverify.estimators.enumeration import enumerate_paths

from .fused.chains import walk
from .intervals import QUANTILE, z_scores

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")

UNBIASED: dict[str, Estimator] = {
    "score": ScoreFunction(),
    "leave_one_out": LeaveOneOut(),
    "stochastic_triple": StochasticTriple(),
}
WAITLESS: dict[str, Estimator] = {**UNBIASED, "straight_through": StraightThrough(), "smoothed_triple": SmoothedTriple()}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("name", UNBIASED)
def test_means_are_exact(name: str, dtype: torch.dtype) -> None:
    program, point = walk(5), torch.tensor(5.0, dtype=torch.float64)
    rows = UNBIASED[name](program, point.to("cuda", dtype), 200_000, torch.Generator("cuda").manual_seed(0))
    assert (rows.device.type, rows.dtype) == ("cuda", dtype)
    assert z_scores(rows.cpu(), enumerate_paths(program, point).gradient()) < QUANTILE


@pytest.mark.parametrize("name", WAITLESS)
def test_no_step_waits_for_the_device(name: str) -> None:
    """PyTorch raises where a call would synchronise."""
    program, params = walk(5), torch.tensor(5.0, device="cuda")
    generator = torch.Generator("cuda").manual_seed(0)
    WAITLESS[name](program, params, 64, generator)  # what is set up once may wait
    torch.cuda.set_sync_debug_mode("error")
    try:
        WAITLESS[name](program, params, 64, generator)
    finally:
        torch.cuda.set_sync_debug_mode("default")

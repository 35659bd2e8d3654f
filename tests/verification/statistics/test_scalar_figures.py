"""One parameter's relative error and scale, from its confidence sequence."""

from __future__ import annotations

import numpy as np
import pytest

from gradverify.verification.statistics.bias_look import look
from gradverify.verification.statistics.moments import Moments
from gradverify.verification.statistics.scalar_figures import scalar_figures

from .simulated_cells import a_plan, decide, normal


@pytest.mark.parametrize(("truth", "bias", "scale"), [(2.0, -0.5, 0.75), (-2.0, -0.5, 1.25), (2.0, -4.0, -1.0)])
def test_the_scale_has_the_gradients_sign(truth: float, bias: float, scale: float) -> None:
    plan = a_plan(truth=[truth], scale=[2.0])
    rows = Moments.from_rows(normal(0, bias=bias, sigma=0.5)(4000))
    seen = look(plan, rows, stage="screen", start=np.zeros(1, dtype=np.int64))
    found = scalar_figures(plan, seen)
    assert found.scale is not None
    assert found.length is not None
    assert found.scale.interval[0] < scale < found.scale.interval[1]
    assert found.relative_error.interval[0] < abs(bias) / 2 < found.relative_error.interval[1]
    assert found.length.estimate == abs(found.scale.estimate)
    assert found.angle is None


def test_a_zero_gradient_has_no_scale() -> None:
    plan = a_plan(truth=[0.0], scale=[0.5])
    seen = look(plan, Moments.from_rows(normal(0)(4000)), stage="screen", start=np.zeros(1, dtype=np.int64))
    found = scalar_figures(plan, seen)
    assert found.scale is None
    assert found.relative_error.interval[0] == 0.0
    assert found.relative_error.interval[1] < 0.3


@pytest.mark.parametrize(("bias", "kind"), [(-0.25, "rescaled"), (-2.0, "reversed"), (-1.0, "zero"), (1.0, "rescaled")])
def test_kinds_of_one_parameter(bias: float, kind: str) -> None:
    verdict = decide(a_plan(max_rows=60_000, seek_kind=True), normal(0, bias=bias))
    assert (verdict.outcome, verdict.material, verdict.kind) == ("biased", "material", kind)
    assert verdict.angle is None


def test_too_few_rows_leave_the_kind_open() -> None:
    """The mean may be a tenth of the gradient either way, and its sign is not known."""
    verdict = decide(a_plan(max_rows=1500, seek_kind=True), normal(0, bias=-1.0, sigma=2.0))
    assert (verdict.outcome, verdict.kind) == ("biased", "undetermined")

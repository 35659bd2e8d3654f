"""A planted bug whose mean is right, and one without a number."""

from __future__ import annotations

import pytest

from gradverify.estimators.score_function import ScoreFunction
from gradverify.verification.selftest.mutants.mutant import Mutant


@pytest.mark.parametrize(("size", "right"), [(0.0, True), (0.01, False), (None, False)])
def test_only_a_size_of_zero_means_that_the_mean_is_right(size: float | None, right: bool) -> None:
    mutant = Mutant(name="x", estimator=ScoreFunction(), original=ScoreFunction(), problem="p", size=size)
    assert mutant.mean_is_right is right

"""The mixture of flows of least variance, against the mixtures around it."""

from __future__ import annotations

import math

import numpy as np

from gradverify.verification.truth.chains.alternatives import conditional_triple_moments
from gradverify.verification.truth.chains.control_variate import least_variance_shares
from gradverify.verification.truth.chains.tabulate import tabulate

from .programs import PROBLEMS


def test_no_shares_nearby_do_better() -> None:
    problem = PROBLEMS["absorbing"]
    chain = tabulate(problem.program, problem.params)  # type: ignore[arg-type]
    upward, downward = least_variance_shares(chain)

    def variance(a: float, b: float) -> float:
        return conditional_triple_moments(chain, {"leave_one_out": 1 - a - b, "upward": a, "downward": b}).variance

    least = variance(upward, downward)
    for angle in np.arange(8) * math.pi / 4:
        assert variance(upward + 0.1 * math.cos(angle), downward + 0.1 * math.sin(angle)) >= least * (1 - 1e-9)

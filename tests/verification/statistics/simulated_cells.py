"""Plans of simulated cells, and the loop that decides them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gradverify.verification.statistics.bias import BiasPlan, BiasTest, BiasVerdict
from gradverify.verification.statistics.moments import Moments

Draw = Callable[[int], np.ndarray]


def directions(size: int) -> np.ndarray:
    vectors = np.random.default_rng(7).normal(size=(3, size))
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def a_plan(size: int = 1, **changes: Any) -> BiasPlan:
    fields: dict[str, Any] = {
        "truth": np.ones(size),
        "scale": np.ones(size),
        "tau_numeric": 1e-13,
        "r_target": 0.05,
        "r_accept": 0.1,
        "alpha": 1e-3,
        "max_rows": 20_000,
        "directions": directions(size),
    }
    return BiasPlan(**{**fields, **changes})


def decide(plan: BiasPlan, draw: Draw, confirm: Draw | None = None) -> BiasVerdict:
    """Run a cell on rows of errors ``[n, d]``, from ``confirm`` in the second stage if it is given."""
    test, stage, moments = BiasTest(plan), "screen", Moments.empty(len(plan.channel_names))
    while test.verdict is None:
        if test.stage != stage:
            stage, moments = test.stage, Moments.empty(len(plan.channel_names))
        source = confirm if confirm is not None and stage == "confirm" else draw
        rows = plan.channels.project(source(test.next_look - moments.count))
        moments = moments.merge(Moments.from_rows(rows, first_row=moments.count))
        test.update(moments)
    return test.verdict


def normal(seed: int, size: int = 1, bias: float = 0.0, sigma: float = 1.0) -> Draw:
    generator = np.random.default_rng(seed)
    return lambda n: generator.normal(bias, sigma, size=(n, size))

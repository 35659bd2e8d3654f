"""Records of simulated estimators: rows of a known law, decided by the real bias test, written as a run writes them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradverify.verification.comparison.compare import Comparison
from gradverify.verification.record.record import Cell, Check, Family, Record, Run
from gradverify.verification.statistics.bias import BiasPlan, BiasTest
from gradverify.verification.statistics.moments import Moments
from gradverify.verification.statistics.variance import left_out_log_variances, measurable, variance_interval

__all__ = ["LAWS", "Law", "changed", "ended", "family", "found", "one", "record", "simulated"]

Array = NDArray[np.float64]
Law = Callable[[np.random.Generator, int], Array]

TOLERANCE = 0.1
LEAST_ROWS = 4096


def _bit(generator: np.random.Generator, rows: int) -> Array:
    """The score function of E (b + 1)^3 at p = .3: gradient 7, in two values."""
    bit = generator.random(rows) < 0.3
    return np.where(bit, 8 / 0.3, -1 / 0.7) - 7.0


LAWS: Mapping[str, Law] = {
    "bit": _bit,
    "normal": lambda generator, rows: 5 * generator.normal(size=rows),
    "exponential": lambda generator, rows: 5 * (generator.exponential(size=rows) - 1),
    "weight": lambda generator, rows: (generator.random(rows) < 0.05) / 0.05 - 1.0,
    "lognormal": lambda generator, rows: np.exp(0.7 * generator.normal(size=rows)) - math.exp(0.245),
}
"""Errors of sound estimators of a gradient of 7."""


def record(cells: list[Cell], *, seed: int = 0, families: tuple[Family, ...] = (), **head: object) -> Record:
    """A record of these cells."""
    options = {"tolerance": TOLERANCE, "device": "cpu", "dtype": "float64", "complete": True, **head}
    return Record(
        run=Run(command="", profile="quick", seed=seed, alpha=1e-3, **options),  # type: ignore[arg-type]
        cells=tuple(cells),
        families=families,
    )


def simulated(
    name: str, law: Law, seed: int, *, problem: str = "one", bias: float = 0.0, factor: float = 1.0, rows: int = LEAST_ROWS
) -> Cell:
    """The cell of an estimator whose error is ``bias`` plus ``factor`` times a draw of the law."""
    generator = np.random.default_rng([seed, *name.encode(), *problem.encode()])
    plan = BiasPlan(
        truth=[7.0], scale=[7.0], tau_numeric=1e-11, r_target=0.05, r_accept=TOLERANCE, alpha=1e-5, max_rows=300_000
    )
    test, everything = BiasTest(plan), Moments.empty(1)
    while test.verdict is None:
        stage, seen = test.stage, Moments.empty(1)
        while test.verdict is None and test.stage == stage:
            drawn = bias + factor * law(generator, test.next_look - seen.count)
            seen = seen.merge(Moments.from_rows(drawn[:, None], first_row=seen.count))
            test.update(seen)
        everything = everything.merge(seen)
    missing = rows - everything.count
    if missing > 0:
        drawn = bias + factor * law(generator, missing)
        everything = everything.merge(Moments.from_rows(drawn[:, None], first_row=everything.count))
    return Cell(
        estimator=name,
        problem=problem,
        status="ok",
        checks=(_bias_check(test), _variance_check(everything), _cost_check(everything.count)),
        claims={"bias": "unbiased", "here": "unbiased", "evaluations": 1},
        facts={"exact": [7.0], "dimension": 1, "scale": [7.0]},
    )


def family(exponent: float, error: float, estimator: str = "score") -> Family:
    """An exponent with its interval, from sizes 10 to 100."""
    return Family(
        estimator=estimator,
        family="walk/square/p",
        exponent=exponent,
        interval=(exponent - 1.96 * error, exponent + 1.96 * error),
        outcome="fitted",
        points=tuple({"size": size, "variance": float(size), "used": True} for size in (10, 30, 100)),
    )


def _bias_check(test: BiasTest) -> Check:
    verdict = test.verdict
    assert verdict is not None
    common = ("outcome", "estimate", "interval", "detectable", "num_samples", "note")
    claim = "refuted" if verdict.material == "material" else ("supported" if verdict.outcome == "unbiased" else "inconclusive")
    found = vars(verdict)
    return Check(
        check="bias",
        claim=claim,
        reference="exact (given)",
        details={key: value for key, value in found.items() if key not in (*common, "relative")},
        **{key: found[key] for key in common},
    )


def _variance_check(moments: Moments) -> Check:
    variance = float(moments.variance[0])
    return Check(
        check="variance",
        outcome="measured",
        estimate=variance,
        interval=variance_interval(moments),
        num_samples=moments.count,
        details={
            "channel": "coordinate 0",
            "kurtosis": float(moments.kurtosis[0]),
            "exact": None,
            "measurable": measurable(moments, 0),
            "leave_one_out": left_out_log_variances(moments, 0),
        },
    )


def _cost_check(rows: int) -> Check:
    return Check(
        check="cost", outcome="measured", num_samples=rows, details={"evaluations": 1}, timing={"rows_per_second": 1e6}
    )


def one(seed: int = 0, law: str = "normal", **planted: Any) -> Record:
    return record([simulated("mine", LAWS[law], seed, **planted)], seed=seed)


def changed(record_: Record, check: str, **fields: Any) -> Record:
    """The record with fields or details of its first cell's check replaced."""
    cell = record_.cells[0]
    own = {key: value for key, value in fields.items() if key in vars(Check(check="", outcome=""))}
    more = {key: value for key, value in fields.items() if key not in own}
    checks = tuple(
        replace(each, **own, details={**each.details, **more}) if each.check == check else each for each in cell.checks
    )
    return replace(record_, cells=(replace(cell, checks=checks), *record_.cells[1:]))


def ended(record_: Record, **fields: Any) -> Record:
    return replace(record_, cells=(replace(record_.cells[0], **fields), *record_.cells[1:]))


def found(comparison: Comparison) -> set[tuple[str, str]]:
    return {(each.quantity, each.direction) for each in comparison.changes if not each.advisory}

"""Synthetic records that hold everything a report can meet; no estimator is run.

They come as fixtures because test modules here cannot import one another.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gradverify.verification.record.record import Cell, Check, Family, Record, Run
from gradverify.verification.report import write_reports

NASTY = 'a|b <script>alert("x")</script> & `code` *ünïcode* 猫 $x_1$ http://example.invalid/x'

ESTIMATORS = (
    "score_function",
    "score_function_baseline",
    "leave_one_out",
    "conditional_triple",
    "stochastic_triple_lanes_4",
    "measure_valued",
    "straight_through",
    "gumbel_softmax_straight_through",
    "reinmax",
    "gapped_straight_through",
    "agent_torch_as_shipped",
    "enumeration",
    "finite_difference_common_random_numbers",
    NASTY,
)

PROBLEMS = (
    "random_walk:20/square/p",
    "random_walk:100/square/p",
    "random_walk:20/linear/p",
    "random_walk:100/linear/p",
    "random_walk:20/exit/p",
    "toy:1/quadratic/probs",
    "toy:1/quadratic/logits",
    "categorical:4/linear/logits",
    "categorical:4/square/logits",
    "categorical:16/square/logits",
    "parity:4/indicator/probs",
    "parity:8/indicator/probs",
    "geometric:1/square/p",
    "poisson:1/square/rate",
    "binomial:10/square/p",
    "chain:5/reward/logits",
    "chain:10/reward/logits",
    "markov:3/occupancy/logits",
    "sir:20/final_size/beta",
    "black_box:6/index/logits",
)


@pytest.fixture(scope="session", name="full_record")
def full_record_fixture() -> Callable[..., Record]:
    return full_record


@pytest.fixture(scope="session", name="small_record")
def small_record_fixture() -> Callable[..., Record]:
    return small_record


@pytest.fixture(scope="session")
def nasty() -> str:
    return NASTY


@pytest.fixture(scope="session")
def record() -> Record:
    """14 estimators on 20 problems, every outcome among them."""
    return full_record()


@pytest.fixture(scope="session")
def written(record: Record, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with every report of `record`."""
    folder = tmp_path_factory.mktemp("written") / "reports"
    write_reports(record, folder)
    return folder


def full_record(estimators: int = len(ESTIMATORS), problems: int = len(PROBLEMS), seed: int = 0) -> Record:
    """A record of `estimators` by `problems` cells with every outcome in it."""
    generator = np.random.default_rng(seed)
    names = [_name(ESTIMATORS, index) for index in range(estimators)]
    keys = [_name(PROBLEMS, index) for index in range(problems)]
    cells = [_cell(generator, name, key, row, col) for row, name in enumerate(names) for col, key in enumerate(keys)]
    return Record(
        run=run_head(),
        cells=(*cells, *map(_references, keys[:3])),
        families=tuple(_family(generator, name, index) for index, name in enumerate(names)),
    )


def run_head(**changes: Any) -> Run:
    """The head of a run, with some fields replaced."""
    values: dict[str, Any] = {
        "command": 'gradverify verify --profile standard --out "reports/verify"',
        "profile": "standard",
        "seed": 20240607,
        "device": "cpu",
        "dtype": "float64",
        "alpha": 1e-3,
        "tolerance": 0.05,
        "complete": True,
        "num_tests": 560,
        "versions": {"python": "3.11.9", "torch": "2.13.0", "numpy": "2.1.0", "gradverify": "0.1.0"},
        "timing": {"seconds": 613.2, "started": "2024-06-07T12:00:00+00:00"},
    }
    return Run(**(values | changes))


def small_record(*checks: Check, status: str = "ok", facts: Mapping[str, Any] | None = None, **head: Any) -> Record:
    """A record of one cell."""
    cell = Cell(estimator="one", problem="toy:1/square/p", status=status, checks=checks, facts=facts or {}, replay="again")
    return Record(run=run_head(**head), cells=(cell,))


def _name(names: tuple[str, ...], index: int) -> str:
    again, position = divmod(index, len(names))
    if not again:
        return names[position]
    family, colon, rest = names[position].partition(":")
    return f"{family}{'' if colon else f'_variant_{again}'}{colon}{f'{again}' if colon else ''}{rest}"


def _cell(generator: np.random.Generator, estimator: str, problem: str, row: int, column: int) -> Cell:
    dimension = 1 if problem.endswith("/p") else 4
    scale = float(10 ** generator.uniform(-2, 3))
    status = {(2, 3): "crashed", (3, 7): "timeout"}.get((row, column), "ok")
    facts = {"dimension": dimension, "scale": scale, "exact": [scale] * dimension, "p_gate": 0.01}
    claims = {"bias": "biased" if row in (6, 7, 8, 9, 10) else "unbiased", "variance_exponent": 1.0}
    checks: tuple[Check, ...] = ()
    if status == "ok":
        found = _bias(generator, row, column, scale, dimension)
        checks = (_conformance(row, found), _forward_law(row, column), found, *_measured(generator, scale, row))
    else:
        facts["note"] = {"crashed": "RuntimeError: index 5 is out of bounds", "timeout": "no row within 60 s"}[status]
    return Cell(
        estimator=estimator,
        problem=problem,
        status="failed" if checks and checks[2].outcome == "failed" else status,
        checks=checks,
        claims=claims,
        replay=f"gradverify verify '{estimator}' --problem {problem} --alpha 2.9e-6 --seed 20240607",
        facts=facts,
        timing={"seconds": float(generator.uniform(0.1, 9))},
    )


def _outcome(row: int, column: int) -> tuple[str, str, str]:
    """Outcome, claim and reason, arranged so that each occurs."""
    if column == 19 and row in (6, 7, 8):
        return "not-applicable", "none", ""
    if row == 10:
        return "no-gradient", "supported", ""
    if (row, column) in ((1, 4), (13, 0)):
        return "biased", "refuted", ""
    if (row, column) == (5, 6):
        return "failed", "refuted", "non-finite"
    if row in (6, 7, 8, 9) and column % 3:
        return "biased", "supported", ""
    if (row + 2 * column) % 13 == 5:
        return "inconclusive", "inconclusive", ("budget", "gate", "tail", "suspect")[column % 4]
    return "unbiased", "supported", "deterministic" if row == 11 else ""


def _bias(generator: np.random.Generator, row: int, column: int, scale: float, dimension: int) -> Check:
    outcome, claim, reason = _outcome(row, column)
    if outcome in ("no-gradient", "not-applicable"):
        return Check(check="bias", outcome=outcome, claim=claim)
    relative = float(generator.normal(0, 0.006))
    half = float(generator.uniform(0.004, 0.02)) * (4 if outcome == "inconclusive" else 1)
    if outcome == "biased":
        relative = float(generator.choice([-1, 1]) * generator.uniform(0.07, 0.9))
    if outcome == "failed":
        relative, half = math.nan, math.inf
    if reason == "deterministic":
        half = 0.0
    interval = (scale * (relative - half), scale * (relative + half))
    return Check(
        check="bias",
        outcome=outcome,
        claim=claim,
        estimate=scale * relative,
        interval=interval,
        detectable=scale * half * 1.6,
        num_samples=int(generator.integers(1000, 3_000_000)),
        reference="exact (enumeration)",
        note="3 of 1,000,000 rows are not finite; the first is row 17 of chunk 4" if outcome == "failed" else "",
        details=_bias_details(outcome, reason, interval, scale, dimension) | _figures(outcome, relative, half, dimension),
        timing={"seconds": 1.25},
    )


def _figures(outcome: str, relative: float, half: float, dimension: int) -> dict[str, Any]:
    if outcome == "failed":
        return {}
    low, high = max(abs(relative) - half, 0.0), abs(relative) + half
    figures = {
        "kind": "rescaled" if outcome == "biased" else "",
        "relative_error": {"estimate": abs(relative), "interval": [low, high]},
        "scale": {"estimate": 1 + relative, "interval": [1 + relative - half, 1 + relative + half]},
    }
    return figures | ({"angle": {"estimate": 0.0, "interval": [0.0, 1.5]}} if dimension > 1 else {})


def _bias_details(outcome: str, reason: str, interval: tuple[float, float], scale: float, dimension: int) -> dict[str, Any]:
    middle = sum(interval) / 2
    looks = [
        {"n": 1000 * 4**k, "estimate": middle, "interval": list(interval), "stage": "screen", "channel": "0"} for k in range(4)
    ]
    channels = [
        {"name": str(k), "kind": "coordinate", "estimate": middle, "interval": list(interval), "sigma": 3 * scale,
         "skewness": 0.4, "tau": 0.05 * scale, "scale": scale, "open": True}
        for k in range(dimension)
    ]  # fmt: skip
    return {
        "alpha": 2.9e-6,
        "tau": 0.05 * scale,
        "r": 0.018 if outcome == "unbiased" else 0.05,
        "sigma": 3 * scale,
        "skewness": math.nan if outcome == "failed" else 0.4,
        "material": "material" if outcome == "biased" else "",
        "reason": reason,
        "stage": "confirm" if outcome == "biased" else "screen",
        "rows_needed": 12_000_000 if outcome == "inconclusive" else None,
        "looks": looks,
        "histogram": {"edges": [-2.0, -1.0, 0.0, 1.0, 2.0], "counts": [10, 400, 390, 12]},
        "channels": channels,
    }


def _conformance(row: int, found: Check) -> Check:
    outcome = found.outcome if found.outcome in ("no-gradient", "not-applicable") else "pass"
    return Check(check="conformance", outcome=outcome, details={"shape": "pass", "dtype": "pass", "row_isolation": "pass"})


def _forward_law(row: int, column: int) -> Check:
    if (row, column) == (9, 8):
        return Check(check="forward_law", outcome="failed", estimate=1e-9, note="chi-square of 214 on 3 degrees")
    outcome = "not-tested" if row in (11, 12) else "pass"
    return Check(check="forward_law", outcome=outcome, num_samples=20_000)


def _measured(generator: np.random.Generator, scale: float, row: int) -> tuple[Check, Check]:
    variance = float(scale**2 * 10 ** generator.uniform(-1, 3))
    speed = float(10 ** generator.uniform(4, 6.7))
    return (
        Check(
            check="variance",
            outcome=("measured", "matches exact", "differs from exact")[row % 3],
            estimate=variance,
            interval=(0.97 * variance, 1.03 * variance),
            num_samples=100_000,
            details={"kurtosis": math.inf if row == 4 else 4.2, "exact": variance, "standard_error_log": 0.015},
        ),
        Check(
            check="cost",
            outcome="measured",
            details={"evaluations": 2},
            timing={
                "rows_per_second": speed,
                "seconds": 1.0,
                "variance_seconds": variance / speed,
                "peak_bytes": 7.3e7,
            },
        ),
    )


def _references(problem: str) -> Cell:
    values = [
        {"kind": "exact", "value": 1.5, "interval": None},
        {"kind": "finite difference", "value": 1.52, "interval": [1.4, 1.6]},
    ]
    check = Check(check="references", outcome="agree", details={"values": values})
    return Cell(estimator="references", problem=problem, status="ok", checks=(check,))


def _family(generator: np.random.Generator, estimator: str, index: int) -> Family:
    exponent = (1.0, 2.0, 0.5, 3.0)[index % 4]
    sizes = (2, 5, 10, 20, 50, 100, 200)
    level = 1 + index % 5
    points = tuple(
        {
            "size": size,
            "variance": level * size**exponent * math.exp(generator.normal(0, 0.05)),
            "interval": (0.85 * level * size**exponent, 1.2 * level * size**exponent),
            "exact": level * size**exponent if index % 3 else None,
            "num_samples": 30_000,
            "used": size < 200,
        }
        for size in sizes
    )
    few = index == 12
    return Family(
        estimator=estimator,
        family="random_walk/square/p",
        exponent=None if few else exponent,
        interval=None if few else (exponent - 0.04, exponent + 0.05),
        outcome="too few points" if few else ("poor fit" if index == 7 else "fitted"),
        claim="refuted" if index == 1 else ("inconclusive" if few else "supported"),
        points=points[:1] if few else points,
    )
